import type { SliverState } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { answerOf, countsOf, type ItemFacts, stateOf, UNREACHABLE_AFTER_MS } from './rules.ts';

const sliver = (state: SliverState, reason: { code: string; message: string } | null = null) => ({
  state,
  wanted: true,
  reason,
});
const judge = (facts: Partial<ItemFacts>) =>
  answerOf({ goal: 'running', sliver: undefined, disconnectedMs: 0, ...facts });

it('what this authority itself does is done when it is no longer to be done', () => {
  expect(judge({ goal: 'none', pending: true }).state).toBe('waiting');
  expect(judge({ goal: 'none', pending: false }).state).toBe('done');
});

describe('a sliver that is to run', () => {
  it.each([
    ['requested', 'waiting'],
    ['starting', 'waiting'],
    ['running', 'done'],
    ['refused', 'failed'],
    ['failed', 'failed'],
    ['stopped', 'failed'],
  ] as const)('and is %s is %s', (state, answer) => {
    expect(judge({ sliver: sliver(state) }).state).toBe(answer);
  });

  it('keeps the reason that its node gave', () => {
    const reason = { code: 'admission_refused', message: 'The owner allows five.' };
    expect(judge({ sliver: sliver('refused', reason) })).toEqual({ state: 'failed', reason });
    expect(judge({ sliver: sliver('failed') }).reason?.message).toMatch(/did not say why/);
  });

  it('is failed when it was taken off meanwhile', () => {
    expect(judge({}).reason?.code).toBe('unknown_sliver');
    expect(judge({ sliver: { ...sliver('running'), wanted: false } }).state).toBe('failed');
  });

  it('waits for a node that may dial again, and then no longer', () => {
    const running = sliver('running'); // said when the node was last heard of
    expect(judge({ sliver: running, disconnectedMs: UNREACHABLE_AFTER_MS - 1 }).state).toBe('waiting');
    expect(judge({ sliver: running, disconnectedMs: UNREACHABLE_AFTER_MS }).reason?.code).toBe('node_unreachable');
  });
});

describe('a sliver that is to be gone', () => {
  it('is done when there is no row of it, wherever its node is', () => {
    expect(judge({ goal: 'gone', disconnectedMs: Number.POSITIVE_INFINITY }).state).toBe('done');
  });

  it('waits for its node, and fails with what happens by itself when that is away', () => {
    const stopping = { ...sliver('stopping'), wanted: false };
    expect(judge({ goal: 'gone', sliver: stopping }).state).toBe('waiting');
    expect(judge({ goal: 'gone', sliver: stopping, disconnectedMs: UNREACHABLE_AFTER_MS }).reason?.message).toMatch(
      /when its lease ends/,
    );
  });
});

it.each([
  [
    [
      ['waiting', 1],
      ['failed', 3],
    ],
    'running',
  ],
  [[['done', 2]], 'succeeded'],
  [[], 'succeeded'],
  [
    [
      ['done', 2],
      ['timed_out', 1],
    ],
    'partial',
  ],
  [[['failed', 2]], 'failed'],
  [
    [
      ['done', 2],
      ['canceled', 1],
    ],
    'canceled',
  ],
] as const)('an operation with the items %j is %s', (counts, state) => {
  expect(stateOf(countsOf(counts))).toBe(state);
});
