import { Decision } from '@planetlab/contract';
import { RUN_LEVELS, RunLevel } from '@planetlab/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type NodeDecisions, ordersOf } from './orders.ts';

const decision = Decision.parse({ reason: 'it smokes', at: '2026-03-01T12:00:00.000Z', by: 'person:ada@example.org' });
const inService: NodeDecisions = { runLevel: 'boot', runLevelDecision: null, drain: null, quarantine: null };
const maybe = fc.constantFrom(null, decision);
const decisions: fc.Arbitrary<NodeDecisions> = fc.record({
  runLevel: fc.constantFrom(...RunLevel.options),
  runLevelDecision: maybe,
  drain: maybe,
  quarantine: maybe,
});

it('lets slivers run on a node about which nothing was decided', () => {
  expect(ordersOf(inService)).toEqual({ slivers: 'run', closed: null });
});

it('takes new slivers only where those that are there run, and says why where it takes none', () => {
  fc.assert(
    fc.property(decisions, (node) => {
      const { slivers, closed } = ordersOf(node);
      expect(closed === null).toBe(node.runLevel === 'boot' && node.drain === null && node.quarantine === null);
      if (closed === null) expect(slivers).toBe('run');
      else expect(closed.message).toMatch(/^The node .+\.$/);
    }),
  );
});

it('of several decisions follows the gravest: nothing runs in quarantine, nothing is kept where a node is set up anew', () => {
  fc.assert(
    fc.property(decisions, (node) => {
      const { slivers } = ordersOf(node);
      if (RUN_LEVELS[node.runLevel].slivers === 'end') expect(slivers).toBe('end');
      else if (node.quarantine !== null) expect(slivers).toBe('stop');
      else expect(slivers).toBe(RUN_LEVELS[node.runLevel].slivers);
    }),
  );
});

it('lets the slivers of a draining node run on', () => {
  expect(ordersOf({ ...inService, drain: decision })).toMatchObject({
    slivers: 'run',
    closed: { code: 'node_draining' },
  });
});

it('tells the reason that people gave', () => {
  const { closed } = ordersOf({ ...inService, runLevel: 'disabled', runLevelDecision: decision });
  expect(closed?.message).toBe('The node is at run level disabled: taken out of service by its people (it smokes).');
});
