import { describe, expect, it } from 'vitest';
import { newId, slice } from '../testing/fixtures.ts';
import type { NetworkState } from './network-state.ts';
import { createNodeNetwork } from './node-network.ts';
import { nodeShaping } from './shaping.ts';

const logger = { info() {}, warn() {}, error() {} };

function setUp() {
  const slivers = new Map<number, NetworkState['slivers'] extends ReadonlyMap<number, infer V> ? V : never>();
  const applied: string[] = [];
  const failing = { firewall: '', shaping: false };
  const network = createNodeNetwork({
    host: {
      async setFirewall(ruleset) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (failing.firewall !== '' && ruleset.includes(failing.firewall)) throw new Error('no such element');
        applied.push(ruleset);
      },
      async setShaping() {
        if (failing.shaping) throw new Error('no HTB here');
      },
    },
    desired: () => ({
      table: 't',
      ruleset: 'whole\n',
      shaping: nodeShaping('eth0', 10_000),
      slivers: new Map(slivers),
    }),
    beforeRemoval: async () => {},
    lookAgain() {},
    logger,
  });
  const add = (index: number) => {
    const lease = newId();
    const elements = [{ set: 'marks', element: `${index}` }];
    slivers.set(index, { slice: slice(`a1_s${index}`), lease, elements, shaped: null });
    return lease;
  };
  return { network, applied, failing, slivers, add };
}

describe('applying the network', () => {
  it('is one change for all that come while another is made', async () => {
    const { network, applied, add } = setUp();
    await network.apply();
    await Promise.all(Array.from({ length: 50 }, (_, index) => network.ensure(index, add(index))));
    expect(applied.length).toBeLessThanOrEqual(3);
    expect(applied[0]).toBe('whole\n');
    expect(network.current()).toBe(network.desired());
    add(50);
    expect(network.current(), 'until it is applied').not.toBe(network.desired());
    await network.ensure(7, network.applied()?.slivers.get(7)?.lease ?? '');
    expect(applied.length).toBeLessThanOrEqual(3);
  });

  it('is done as a whole when a change fails, because somebody else has changed what is there', async () => {
    const { network, applied, failing, add } = setUp();
    await network.apply();
    add(2);
    failing.firewall = 'add element inet t marks { 2 }';
    await expect(network.apply()).rejects.toThrow('no such element'); // the whole fails too, here
    expect(network.current()).toBeNull();
    failing.firewall = '';
    await network.apply();
    expect(applied.at(-1)).toBe('whole\nadd element inet t marks { 2 }\n');
  });

  it('lets slivers run where nothing can be shaped, and says why', async () => {
    const { network, failing, add } = setUp();
    failing.shaping = true;
    await network.ensure(2, add(2));
    expect(network.shapingFailure()).toBe('no HTB here');
    failing.shaping = false;
    network.forget();
    await network.apply();
    expect(network.shapingFailure()).toBeNull();
  });
});
