import { describe, expect, it } from 'vitest';
import { NodeConfig } from '../config.ts';
import { createSimulatedHost } from '../host/simulated-host.ts';
import { nodeNames } from '../paths.ts';
import { temporaryFolder } from '../testing/fixtures.ts';
import { openNetwork } from './open-network.ts';

const logger = { info() {}, warn() {}, error() {} };
const store = { slivers: () => [], volumes: () => [], saveVolumes() {}, forgetVolumes() {} };

describe('the network of a machine', () => {
  it('is closed to slivers where the machine stands by now, as soon as that is seen', async () => {
    using folder = temporaryFolder();
    const machine = { networks: ['192.0.2.0/24'], gateways: ['192.0.2.1'] };
    const rulesets: string[] = [];
    const host = createSimulatedHost({ stateDir: folder.path, why: 'a test' });
    const setFirewall = async (ruleset: string) => void rulesets.push(ruleset);
    const { network, measure } = openNetwork({
      config: NodeConfig.parse({}),
      names: nodeNames('0c0ffee0'),
      host: { ...host, setFirewall },
      store,
      machine: {
        read: () => ({
          device: 'eth0',
          sharedIpv4: null,
          resolvers: [],
          router: { ipv4: true, ipv6: true },
          attached: { ...machine },
        }),
        attached: () => ({ ...machine }),
      },
      ...{ logger, now: () => 0, tell() {} },
    });
    await network.apply();
    await measure();
    expect(rulesets, 'nothing has changed').toHaveLength(1);
    expect(rulesets[0]).toContain('ip daddr 192.0.2.0/24 reject');
    machine.networks = ['198.51.100.0/24'];
    await measure();
    expect(rulesets).toHaveLength(2);
    expect(rulesets[1]).toContain('ip daddr 198.51.100.0/24 reject');
    expect(rulesets[1]).not.toContain('192.0.2.0/24');
  });
});
