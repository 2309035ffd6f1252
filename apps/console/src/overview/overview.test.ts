import { aNode, aSlice, aSliver, before, NOW_MS } from '@planetlab/contract/testing';
import { describe, expect, it } from 'vitest';
import { isStuck, tallyInWords, tallyOf } from '../slices/tally.ts';
import { mattersOf } from './attention.ts';
import { figuresOf } from './figures.ts';

const full = { code: 'resources_exceeded', message: 'The node has 128 MiB left.' };
const slivers = [
  aSliver(),
  aSliver({ node: 'zurich', state: 'refused', reason: full }),
  aSliver({ node: 'paris', state: 'refused', reason: full }),
  aSliver({ node: 'rome', state: 'failed', reason: { code: 'step_failed', message: 'No space left.' } }),
  aSliver({ node: 'oslo', state: 'starting', since: before(5000) }),
  aSliver({ node: 'lima', state: 'starting', since: before(600_000) }),
  aSliver({ node: 'bern', state: 'gone' }),
];

describe('figuresOf', () => {
  it('counts what is in service, running, refused and failed; what is gone is not counted', () => {
    const nodes = [
      aNode(),
      aNode({ name: 'zurich', state: 'disconnected' }),
      aNode({ name: 'x', state: 'registered' }),
    ];
    const slices = [
      aSlice(),
      aSlice({
        name: 'demo_old',
        expiresAt: before(-3 * 86_400_000),
        suspensions: [{ cause: 'people', reason: 'It scans', at: before(0), by: 'person:ada@example.org' }],
      }),
    ];
    expect(figuresOf(nodes, slices, slivers, NOW_MS)).toMatchObject({
      nodes: { inService: 1, all: 3, notJoined: 1 },
      slices: { all: 2, expireSoon: 1, suspended: 1 },
      slivers: { running: 1, all: 6 },
      refused: 2,
      failed: 1,
    });
  });

  it('is all zeros for an empty planet', () => {
    expect(figuresOf([], [], [], NOW_MS)).toMatchObject({ nodes: { all: 0 }, slivers: { all: 0 }, refused: 0 });
  });
});

describe('mattersOf', () => {
  it('gathers the same reason on many nodes, worst and widest first', () => {
    const nodes = [aNode(), aNode({ name: 'lyon', reason: { code: 'clock_skew', message: 'Its clock is off.' } })];
    expect(mattersOf(nodes, slivers, NOW_MS).map(({ title, reason }) => [title, reason])).toEqual([
      ['demo_hello refused on 2 nodes', 'The node has 128 MiB left.'],
      ['demo_hello failed on rome', 'No space left.'],
      ['demo_hello long starting on lima', 'This takes longer than it should.'],
      ['lyon is not in service', 'Its clock is off.'],
    ]);
  });

  it('has nothing to say of a healthy planet', () => {
    expect(mattersOf([aNode()], [aSliver(), aSliver({ state: 'requested', since: before(100) })], NOW_MS)).toEqual([]);
  });

  it('names nodes that are awaited last, together, and not the slivers that wait for them', () => {
    const awaited = ['oslo', 'bern'].map((name) =>
      aNode({ name, state: 'registered', reason: { code: 'not_joined', message: `Type: pl node invite ${name}` } }),
    );
    const waiting = aSliver({ node: 'oslo', state: 'unreachable' });
    expect(mattersOf([...awaited, aNode({ state: 'disconnected' })], [waiting], NOW_MS)).toMatchObject([
      { title: 'tokyo is not in service', tone: 'bad' },
      { title: '2 nodes have not joined', tone: 'off', nodes: ['oslo', 'bern'] },
    ]);
    expect(mattersOf(awaited.slice(0, 1), [], NOW_MS)).toMatchObject([
      { title: 'oslo has not joined', reason: 'Type: pl node invite oslo' },
    ]);
  });

  it('names a sliver out of reach on a node that is in service', () => {
    expect(mattersOf([aNode()], [aSliver({ state: 'unreachable' })], NOW_MS)).toMatchObject([
      { title: 'demo_hello unreachable on tokyo', tone: 'warn' },
    ]);
  });
});

describe('tallies', () => {
  it('are told in words, worst last', () => {
    expect(tallyInWords(tallyOf(slivers))).toBe('1 running, 2 on the way, 3 refused or failed, 1 gone');
    expect(tallyInWords(tallyOf([]))).toBe('no slivers');
  });

  it('call a passing state stuck only after its time', () => {
    expect(isStuck(aSliver({ state: 'starting', since: before(30_000) }), NOW_MS)).toBe(false);
    expect(isStuck(aSliver({ state: 'starting', since: before(61_000) }), NOW_MS)).toBe(true);
    expect(isStuck(aSliver({ state: 'running', since: before(9e9) }), NOW_MS)).toBe(false);
  });
});
