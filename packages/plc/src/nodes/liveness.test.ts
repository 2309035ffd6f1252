import { MINUTE_MS, NodeName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { isOlder, type Liveness, type NodeRequirements, type NodeService, nodeStateOf, serviceOf } from './liveness.ts';

const now = new Date(Date.UTC(2026, 0, 1));
const node: Liveness = {
  name: NodeName.parse('n1'),
  joinedAt: now,
  lastSeenAt: new Date(now.getTime() - 90 * MINUTE_MS),
  connected: false,
  trouble: null,
};

it('says what to type on a machine that has not joined', () => {
  const { state, reason } = nodeStateOf({ ...node, joinedAt: null });
  expect(state).toBe('registered');
  expect(reason?.message).toContain('pl node invite n1');
});

it('says since when a node has been gone: a sentence that stays true while somebody looks at it', () => {
  expect(nodeStateOf(node)).toMatchObject({ state: 'disconnected', reason: { code: 'node_unreachable' } });
  expect(nodeStateOf(node).reason?.message).toContain('disconnected since 2025-12-31 22:30 UTC.');
  expect(nodeStateOf({ ...node, lastSeenAt: null }).reason?.message).toContain('has not connected since');
});

it('has no reason for a node in service, and the trouble it found with one that is only connected', () => {
  expect(nodeStateOf({ ...node, connected: true })).toEqual({ state: 'connected', reason: null });
  const trouble = { code: 'clock_skew', message: 'Its clock is wrong.' };
  expect(nodeStateOf({ ...node, connected: true, trouble })).toEqual({ state: 'connected', reason: trouble });
});

it('tells a machine that is awaited whether its join token is still good, and why it was turned away', () => {
  const awaited = { ...node, joinedAt: null };
  const until = (ms: number) => nodeStateOf({ ...awaited, invitedUntil: new Date(now.getTime() + ms) }, now).reason;
  expect(until(MINUTE_MS)?.message).toContain('good until 2026-01-01 00:01 UTC: sudo pl node join');
  expect(until(-MINUTE_MS)).toMatchObject({ code: 'join_token_expired' });
  expect(until(-MINUTE_MS)?.message).toContain('pl node invite n1');
  const refused = { code: 'clock_skew', message: 'Its clock is 10 min behind.', at: '2026-01-01T00:00:00.000Z' };
  expect(nodeStateOf({ ...awaited, refused }, now).reason).toEqual({
    code: 'clock_skew',
    message: 'It has not joined yet. It tried at 2026-01-01 00:00 UTC: Its clock is 10 min behind.',
  });
});

it('says how the connection of a node ended, or why it was not let in again', () => {
  const ended = nodeStateOf({ ...node, disconnectedBecause: 'The node did not answer for 20 s.' }).reason;
  expect(ended?.message).toContain('since 2025-12-31 22:30 UTC: The node did not answer for 20 s. Check that');
  const refused = { code: 'credential_invalid', message: 'Its certificate has expired.', at: now.toISOString() };
  const away = nodeStateOf({ ...node, refused }).reason;
  expect(away).toMatchObject({ code: 'credential_invalid' });
  expect(away?.message).toContain('It tried at 2026-01-01 00:00 UTC and was not let in: Its certificate has expired.');
});

const NONE: NodeRequirements = { oldestVersion: '', features: [] };
const decision = { reason: 'a new disk', at: now.toISOString(), by: 'person:ada@example.org' as never };
const service = (change: Partial<NodeService> = {}): NodeService => ({
  ...node,
  connected: true,
  runLevel: 'boot',
  runLevelDecision: null,
  drain: null,
  quarantine: null,
  facts: null,
  ...change,
});
const codeOf = (change: Partial<NodeService>, wanted: NodeRequirements = NONE) =>
  serviceOf(service(change), wanted, now).reason?.code;
const facts = (change: object) => ({ facts: { version: '1.2.0', features: [], ...change } as never });

it('has one reason for each way of not being in service', () => {
  expect(codeOf({})).toBeUndefined();
  expect(codeOf({ drain: decision })).toBe('node_draining');
  expect(codeOf({ quarantine: decision, drain: decision })).toBe('node_quarantined');
  expect(codeOf({ runLevel: 'safeboot' })).toBe('node_run_level');
  expect(codeOf(facts({ drain: { code: 'admission_refused', message: 'Empty, says its owner.' } }))).toBe(
    'admission_refused',
  );
  expect(codeOf(facts({}), { ...NONE, oldestVersion: '1.10' })).toBe('node_too_old');
  expect(codeOf(facts({}), { ...NONE, oldestVersion: '1.2' })).toBeUndefined();
  expect(codeOf(facts({}), { ...NONE, features: ['containers'] })).toBe('feature_missing');
  const has = [{ feature: 'containers', available: true, reason: '' }];
  expect(codeOf(facts({ features: has }), { ...NONE, features: ['containers'] })).toBeUndefined();
});

it('tells both what people decided and that a node is away', () => {
  const { reason } = serviceOf(service({ connected: false, runLevel: 'disabled' }), NONE, now);
  expect(reason?.code).toBe('node_run_level');
  expect(reason?.message).toMatch(/run level disabled.*disconnected since/);
});

it('compares versions by their numbers', () => {
  expect([isOlder('0.9', '0.10'), isOlder('1.0.0', '1'), isOlder('2', '1.9'), isOlder('odd', '0.1')]).toEqual([
    true,
    false,
    false,
    true,
  ]);
});
