import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { settleAddresses } from './settle-addresses.ts';

const PLAN = { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: null, idBase: 100_000_000 };

function setUp() {
  const folder = temporaryFolder();
  const state = { volumes: true, detached: 0 };
  const start = (change: Partial<{ sliverIpv4Range: string; ipv6Prefix: string; idBase: number }> = {}) =>
    settleAddresses({
      plan: { ...PLAN, ...change },
      linksFile: join(folder.path, 'run/addresses'),
      idsFile: join(folder.path, 'id-base'),
      hasVolumes: () => state.volumes,
      detachAll: async () => void state.detached++,
    });
  return { state, start, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

describe('what a change of the configuration means for what was made before', () => {
  it('leaves links alone while their addresses stay, and at the first start', async () => {
    using node = setUp();
    for (let count = 0; count < 3; count++) await node.start();
    expect(node.state.detached).toBe(0);
  });

  it.each([[{ sliverIpv4Range: '100.97.0.0/16' }], [{ ipv6Prefix: '2001:db8::/64' }]])(
    'takes links away once when their addresses change: %j',
    async (change) => {
      using node = setUp();
      await node.start();
      await node.start(change);
      expect(node.state.detached).toBe(1);
      await node.start(change);
      expect(node.state.detached).toBe(1);
    },
  );

  it('refuses other ids as long as there are volumes', async () => {
    using node = setUp();
    await node.start();
    const other = { idBase: 200_000_000 };
    for (let count = 0; count < 2; count++)
      await expect(node.start(other)).rejects.toThrow(/^"idBase" in config.json was 100000000 and is 200000000 now/);
    await node.start();
    node.state.volumes = false;
    await node.start(other);
    node.state.volumes = true;
    await expect(node.start()).rejects.toMatchObject({ code: 'conflict' });
  });
});
