import { EscalationPolicy } from '@planetlab/contract';
import { DAY_MS, NodeName } from '@planetlab/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type EscalationLevel, levelDue, sanctionsOf, type WatchedNode } from './escalation-rules.ts';

const policy = EscalationPolicy.parse({});
const node = (level: EscalationLevel, connected = false, name = 'n1'): WatchedNode => ({
  name: NodeName.parse(name),
  level,
  connected,
});

it('goes one step further after one, two and three weeks', () => {
  const due = [0, 6.9, 7, 13.9, 14, 20.9, 21, 400].map((days) => levelDue(policy, days * DAY_MS));
  expect(due).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  expect(levelDue({ ...policy, enabled: false }, 400 * DAY_MS)).toBe(0);
});

it('never steps back while a node stays away', () => {
  fc.assert(
    fc.property(fc.nat(40 * DAY_MS), fc.nat(40 * DAY_MS), (a, b) => {
      expect(levelDue(policy, a + b)).toBeGreaterThanOrEqual(levelDue(policy, a));
    }),
  );
});

it('closes a site for nodes that are away for two weeks, and suspends its slices for those away for three', () => {
  expect(sanctionsOf(policy, [node(1)])).toEqual({ closed: false, suspended: false, nodes: [] });
  expect(sanctionsOf(policy, [node(2)])).toEqual({ closed: true, suspended: false, nodes: ['n1'] });
  expect(sanctionsOf(policy, [node(3), node(1, false, 'n2')])).toEqual({
    closed: true,
    suspended: true,
    nodes: ['n1'],
  });
});

it('spares a site that has another node in service, if the policy says so', () => {
  const nodes = [node(3), node(0, true, 'n2')];
  expect(sanctionsOf(policy, nodes)).toEqual({ closed: false, suspended: false, nodes: [] });
  expect(sanctionsOf({ ...policy, spareWithNodesUp: 2 }, nodes).suspended).toBe(true);
});
