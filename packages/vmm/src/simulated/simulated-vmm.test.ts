import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { describeVmmConformance } from '../conformance/index.ts';
import { asMachineId, type MachineSpec } from '../vmm.ts';
import { createSimulatedVmm } from './index.ts';

const makeSpec = async (id = asMachineId('m')): Promise<MachineSpec> => ({
  id,
  hostname: 'tokyo',
  rootPath: '/nowhere',
  idBase: 1_000_000,
  idCount: 65_536,
  limits: { cpuShares: 1, memoryMiB: 128, processes: 64 },
});

describeVmmConformance('simulated', async () => ({
  vmm: createSimulatedVmm(),
  makeSpec,
  [Symbol.asyncDispose]: async () => {},
}));

describe('a simulated machine', () => {
  const output = async (argv: readonly string[]): Promise<string> => {
    const clock = { now: () => 0, delay: async () => {} };
    const vmm = createSimulatedVmm({ clock, rttMs: (address) => (address === '10.0.0.1' ? 42 : undefined) });
    const spec = await makeSpec();
    await vmm.create(spec);
    await vmm.start(spec.id);
    return text((await vmm.exec(spec.id, { argv })).stdout);
  };

  it('says that it is one', async () => {
    const vmm = createSimulatedVmm();
    expect([vmm.driver, vmm.detail]).toEqual(['simulated', 'simulated: no process is run']);
    expect(await output(['uname', '-a'])).toContain('simulated');
  });

  it('knows its name and who runs in it', async () => {
    expect(await output(['hostname'])).toBe('tokyo\n');
    expect(await output(['id'])).toMatch(/^uid=0\(root\)/);
  });

  it('pings with the times it was given', async () => {
    const answer = await output(['ping', '-n', '-c', '2', '10.0.0.1']);
    expect(answer).toContain('icmp_seq=2 ttl=64 time=42.0 ms');
    expect(answer).toContain('rtt min/avg/max/mdev = 42.000/42.000/42.000/0.000 ms');
    expect(await output(['ping', '-c', '3', '10.0.0.2'])).toContain(
      '3 packets transmitted, 0 received, 100% packet loss',
    );
  });
});
