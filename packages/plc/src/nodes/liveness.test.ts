import { MINUTE_MS, NodeName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { type Liveness, nodeStateOf } from './liveness.ts';

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
  expect(nodeStateOf(node).reason?.message).toContain('disconnected since 2025-12-31T22:30:00.000Z.');
  expect(nodeStateOf({ ...node, lastSeenAt: null }).reason?.message).toContain('has not connected since');
});

it('has no reason for a node in service, and the trouble it found with one that is only connected', () => {
  expect(nodeStateOf({ ...node, connected: true })).toEqual({ state: 'connected', reason: null });
  const trouble = { code: 'clock_skew', message: 'Its clock is wrong.' };
  expect(nodeStateOf({ ...node, connected: true, trouble })).toEqual({ state: 'connected', reason: trouble });
});
