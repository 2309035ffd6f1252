import { LeaseId } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { newId, slice } from '../testing/fixtures.ts';
import { type NetworkState, networkChange, type SliverNetwork, wholeRuleset, wholeShaping } from './network-state.ts';
import { nodeShaping, shapedClass } from './shaping.ts';

const lease = LeaseId.parse('11111111-1111-4111-8111-111111111111');
const plain = { minKbps: 8, maxKbps: 4000, shares: 1 };
const sliver = (index: number, over: Partial<SliverNetwork> = {}): SliverNetwork => ({
  slice: slice(`a1_s${index}`),
  lease,
  elements: [{ set: 'marks', element: `"pl-${index}" : ${index}` }],
  shaped: shapedClass(index, plain, 10_000),
  ...over,
});
const state = (slivers: readonly [number, SliverNetwork][]): NetworkState => ({
  table: 't',
  ruleset: 'table inet t { }\n',
  shaping: nodeShaping('eth0', 10_000),
  slivers: new Map(slivers),
});

describe('the network of a node', () => {
  it('is one rule set and one batch of classes', () => {
    const both = state([2, 3].map((index) => [index, sliver(index)]));
    expect(wholeRuleset(both)).toBe('table inet t { }\nadd element inet t marks { "pl-2" : 2, "pl-3" : 3 }\n');
    expect(wholeShaping(both)).toEqual([
      'class replace dev eth0 parent 1: classid 1:ffff htb rate 10000kbit ceil 10000kbit quantum 65600',
      'class replace dev eth0 parent 1:ffff classid 1:1 htb rate 100kbit ceil 10000kbit quantum 15500',
      'qdisc replace dev eth0 parent 1:1 handle 2: tbf rate 100gbit burst 3100 limit 125000',
      'class replace dev eth0 parent 1:ffff classid 1:2 htb rate 8kbit ceil 4000kbit quantum 3100',
      'qdisc replace dev eth0 parent 1:2 handle 3: tbf rate 100gbit burst 3100 limit 65600',
      'class replace dev eth0 parent 1:ffff classid 1:3 htb rate 8kbit ceil 4000kbit quantum 3100',
      'qdisc replace dev eth0 parent 1:3 handle 4: tbf rate 100gbit burst 3100 limit 65600',
    ]);
  });

  it('changes by what is another sliver’s only', () => {
    const two = sliver(2);
    const from = state([[2, two]]);
    const more = networkChange(
      from,
      state([
        [2, two],
        [3, sliver(3)],
      ]),
    );
    expect(more?.ruleset).toBe('add element inet t marks { "pl-3" : 3 }\n');
    expect(more?.shaping[0]).toContain('classid 1:3');
    expect(more?.removesClasses).toBe(false);
    const less = networkChange(
      state([
        [2, two],
        [3, sliver(3)],
      ]),
      from,
    );
    expect(less).toEqual({
      ruleset: 'delete element inet t marks { "pl-3" : 3 }\n',
      shaping: ['class delete dev eth0 classid 1:3'],
      removesClasses: true,
    });
    expect(networkChange(from, from)).toEqual({ ruleset: '', shaping: [], removesClasses: false });
  });

  it('lets the class of another lease at the same index begin to count anew', () => {
    const change = networkChange(state([[2, sliver(2)]]), state([[2, sliver(2, { lease: newId() })]]));
    expect(change?.shaping.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'class delete',
      'class replace',
      'qdisc replace',
    ]);
    const slower = sliver(2, { shaped: shapedClass(2, { ...plain, maxKbps: 100 }, 10_000) });
    expect(networkChange(state([[2, sliver(2)]]), state([[2, slower]]))?.removesClasses).toBe(false);
  });

  it('is applied as a whole when more than slivers is another', () => {
    const from = state([]);
    expect(networkChange(from, { ...from, ruleset: 'table inet t { chain c { } }\n' })).toBeUndefined();
    expect(networkChange(from, { ...from, shaping: nodeShaping('eth0', 20_000) })).toBeUndefined();
    expect(networkChange(from, { ...from, shaping: null })).toBeUndefined();
  });
});
