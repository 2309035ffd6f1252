import { type NodeName, SelectionRequest, type SelectionRequestInput } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Candidate } from './candidate.ts';
import { select } from './select.ts';
import { candidate, FREE } from './testing/candidates.ts';

const choose = (candidates: readonly Candidate[], request: SelectionRequestInput = {}, seed = 1) =>
  select(candidates, SelectionRequest.parse(request), seed);
const why = (candidates: readonly Candidate[], request: SelectionRequestInput, node: string) =>
  choose(candidates, request).explanation.find((line) => line.node === node);

const zurich = { country: 'CH', latitude: 47.4, longitude: 8.5 };
const tokyo = { country: 'JP', latitude: 35.7, longitude: 139.7 };
const princeton = { country: 'US', latitude: 40.3, longitude: -74.7 };
const world = [
  candidate('eth1', { site: 'eth', ...zurich }),
  candidate('eth2', { site: 'eth', ...zurich }),
  candidate('eth3', { site: 'eth', ...zurich }),
  candidate('tokyo1', { site: 'tokyo', ...tokyo }),
  candidate('pton1', { site: 'princeton', ...princeton }),
];

describe('a selection', () => {
  it('takes all that match when no count is given', () => {
    const { chosen, summary } = choose(world, { where: 'country != "JP"' });
    expect(chosen.toSorted()).toEqual(['eth1', 'eth2', 'eth3', 'pton1']);
    expect(summary).toBe('4 of 5 nodes match, and all are taken.');
  });

  it('takes none when fewer match than the least that is wanted, and says so for each', () => {
    const selection = choose(world, { where: 'country == "JP"', count: 3, min: 2 });
    expect(selection).toMatchObject({ chosen: [], satisfied: false });
    expect(selection.summary).toBe('1 of 5 nodes match; 2 are the least that is wanted, so none is taken.');
    expect(selection.explanation.find(({ node }) => node === 'tokyo1')).toMatchObject({
      code: 'too_few',
      sentence: 'It matches, but only 1 does, and 2 are the least that is wanted.',
    });
  });

  it('spreads over sites before it takes a second node of one', () => {
    expect(
      choose(world, { count: 3, spread: 'site' })
        .chosen.map((node) => node.replace(/\d/, ''))
        .toSorted(),
    ).toEqual(['eth', 'pton', 'tokyo']);
  });

  it('takes the nearest when it is to be near a place or a node', () => {
    expect(choose(world, { count: 1, near: { latitude: 36, longitude: 140 } }).chosen).toEqual(['tokyo1']);
    expect(choose(world, { count: 4, near: { node: 'eth1' } }).chosen.at(-1)).toBe('pton1');
    expect(choose(world, { where: 'latency_ms < 50.0', near: { node: 'eth1' } }).chosen).toHaveLength(3);
    expect(() => choose(world, { near: { node: 'nowhere' } })).toThrowError(
      expect.objectContaining({ code: 'unknown_node' }),
    );
  });

  it('goes by latency that was measured before latency that is estimated', () => {
    const request = SelectionRequest.parse({ count: 2, near: { node: 'eth1' } });
    const measured = (a: NodeName, b: NodeName) => (`${a} ${b}` === 'tokyo1 eth1' ? 0.5 : undefined);
    expect(select(world, request, 1, measured).chosen).toEqual(['eth1', 'tokyo1']);
  });

  it('reuses what matches first, and spreads the rest around it', () => {
    const { chosen } = choose(world, { count: 3, spread: 'site', reuse: ['eth2', 'gone'] });
    expect(chosen[0]).toBe('eth2');
    expect(chosen.slice(1).toSorted()).toEqual(['pton1', 'tokyo1']);
    expect(choose(world, { where: 'country == "JP"', reuse: ['eth2'] }).chosen).toEqual(['tokyo1']);
  });

  it.each<[string, Candidate, SelectionRequestInput, string, string]>([
    ['excluded', candidate('x'), { exclude: ['x'] }, 'excluded', 'It was excluded by name.'],
    ['out of service', candidate('x', {}, { notInService: 'It is off.' }), {}, 'not_in_service', 'It is off.'],
    [
      'without a known site',
      candidate('x'),
      { spread: 'site' },
      'attribute_unknown',
      'It cannot be spread by site: its site is not known.',
    ],
    [
      'without a known network',
      candidate('x'),
      { spread: 'as' },
      'attribute_unknown',
      'It cannot be spread by as: its as is not known.',
    ],
    [
      'without a known place',
      candidate('x'),
      { near: { latitude: 0, longitude: 0 } },
      'attribute_unknown',
      'How near it is cannot be told: its place is not known.',
    ],
    [
      'without room',
      candidate('x'),
      { needs: { ...FREE, memoryMiB: 4096 } },
      'no_room',
      'It has 1024 MiB of memory free; 4096 MiB are needed.',
    ],
    [
      'that says nothing',
      candidate('x', {}, { free: null }),
      { needs: FREE },
      'attribute_unknown',
      'What it has free is not known.',
    ],
  ])('does not take a node %s, and says why', (_what, node, request, code, sentence) => {
    expect(why([node, candidate('y', { site: 'y', ...zurich })], request, 'x')).toEqual({
      node: 'x',
      taken: false,
      code,
      sentence,
    });
  });

  it('takes a node out of service when any state will do', () => {
    expect(choose([candidate('x', {}, { notInService: 'It is off.' })], { anyState: true }).chosen).toEqual(['x']);
  });

  it('says why a node was taken, and why one that matches was not', () => {
    const near = { latitude: 47, longitude: 8 };
    expect(why(world, { count: 3, near }, 'eth1')?.sentence).toMatch(
      /^Taken as number \d: it matches and is \d+ ms away.$/,
    );
    expect(why(world, { count: 3, near }, 'tokyo1')?.sentence).toMatch(
      /^It matches, but 3 were enough, nearer or reused; it is 1\d\d ms away.$/,
    );
    expect(why(world, { count: 1, spread: 'site', near }, 'tokyo1')?.sentence).toBe(
      'It matches, but 1 was enough, and none of them had to be in tokyo.',
    );
  });
});

const anyCandidates = fc
  .uniqueArray(
    fc.record({
      name: fc.integer({ min: 0, max: 999 }).map((number) => `n${number}`),
      site: fc.constantFrom('a', 'b', 'c', 'd', null),
      latitude: fc.double({ min: -80, max: 80, noNaN: true }),
      longitude: fc.double({ min: -180, max: 180, noNaN: true }),
      memory_free_mib: fc.option(fc.integer({ min: 0, max: 4096 })),
    }),
    { selector: ({ name }) => name, maxLength: 12 },
  )
  .map((list) => list.map(({ name, ...attributes }) => candidate(name, attributes)));
const anyRequest = fc.record({
  where: fc.constantFrom('true', 'memory_free_mib > 1000', 'site != "a"'),
  count: fc.option(fc.integer({ min: 1, max: 12 })),
  min: fc.integer({ min: 1, max: 4 }),
  spread: fc.constantFrom('site' as const, 'latency' as const, null),
  near: fc.option(fc.constant({ latitude: 10, longitude: 10 })),
  reuse: fc.array(
    fc.integer({ min: 0, max: 999 }).map((number) => `n${number}`),
    { maxLength: 5 },
  ),
});
const anySeed = fc.integer({ min: 0, max: 4_294_967_295 });

describe('for all nodes, requests and seeds', () => {
  it('count and least are kept, and each node has its reason once', () => {
    fc.assert(
      fc.property(anyCandidates, anyRequest, anySeed, (candidates, request, seed) => {
        const { chosen, satisfied, explanation } = choose(candidates, request, seed);
        expect(new Set(chosen).size).toBe(chosen.length);
        expect(explanation.map(({ node }) => node)).toEqual(candidates.map(({ node }) => node).toSorted());
        expect(explanation.filter(({ taken }) => taken).map(({ node }) => node)).toEqual(chosen.toSorted());
        const matching = explanation.filter(({ code }) => ['taken', 'not_needed', 'too_few'].includes(code)).length;
        expect(satisfied).toBe(matching >= request.min);
        expect(chosen.length).toBe(satisfied ? Math.min(request.count ?? matching, matching) : 0);
      }),
    );
  });

  it('the same seed gives the same choice, whatever the order of the nodes', () => {
    fc.assert(
      fc.property(anyCandidates, anyRequest, anySeed, (candidates, request, seed) => {
        const turned = candidates.toReversed();
        expect(choose(turned, request, seed)).toEqual(choose(candidates, request, seed));
      }),
    );
  });

  it('no choice is more even over the sites', () => {
    fc.assert(
      fc.property(anyCandidates, fc.integer({ min: 1, max: 6 }), anySeed, (candidates, count, seed) => {
        const placed = candidates.filter(({ attributes }) => attributes.site !== null);
        const { chosen } = choose(placed, { count, spread: 'site' }, seed);
        const sets = subsets(placed, chosen.length);
        expect(unevenness(placed.filter(({ node }) => chosen.includes(node)))).toBe(Math.min(...sets.map(unevenness)));
      }),
      { numRuns: 60 },
    );
  });

  it('the least latency between two is at least half of the best there is', () => {
    fc.assert(
      fc.property(anyCandidates, fc.integer({ min: 2, max: 4 }), anySeed, (candidates, count, seed) => {
        const { chosen } = choose(candidates, { count, spread: 'latency' }, seed);
        if (chosen.length < 2) return;
        const best = Math.max(...subsets(candidates, chosen.length).map(leastLatency));
        const got = leastLatency(candidates.filter(({ node }) => chosen.includes(node)));
        expect(got).toBeGreaterThanOrEqual(best / 2 - 1e-6);
      }),
      { numRuns: 60 },
    );
  });
});

it('different seeds draw different nodes, and each node about as often', () => {
  const nodes = Array.from({ length: 20 }, (_, index) => candidate(`n${index}`));
  const drawn = new Map<string, number>();
  for (let seed = 0; seed < 2000; seed++) {
    for (const node of choose(nodes, { count: 5 }, seed).chosen) drawn.set(node, (drawn.get(node) ?? 0) + 1);
  }
  expect(drawn.size).toBe(20);
  for (const times of drawn.values()) expect(Math.abs(times - 500)).toBeLessThan(120);
});

function subsets<T>(items: readonly T[], size: number): T[][] {
  const [first, ...rest] = items;
  if (size === 0) return [[]];
  if (first === undefined) return [];
  return [...subsets(rest, size - 1).map((set) => [first, ...set]), ...subsets(rest, size)];
}

const unevenness = (nodes: readonly Candidate[]): number =>
  [...Map.groupBy(nodes, ({ attributes }) => attributes.site).values()].reduce(
    (sum, { length }) => sum + length ** 2,
    0,
  );

function leastLatency(nodes: readonly Candidate[]): number {
  const request = (node: NodeName) => SelectionRequest.parse({ near: { node }, where: 'true' });
  return Math.min(
    ...nodes.flatMap(({ node }) => {
      const second = select(nodes, request(node), 1).explanation.filter((line) => line.node !== node);
      return second.map(({ sentence }) => Number(/is (\d+) ms away/.exec(sentence)?.[1]));
    }),
  );
}
