import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ensureNetwork,
  freeSubnet,
  type LabLayout,
  labLayout,
  parsePing,
  pingArguments,
  removeNetwork,
  wanTopology,
} from '@planetlab/lab/wan';
import { inNamespace, listLinks, listNetworkNamespaces, systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const NAME = `wan${process.pid % 100_000}`;
const CLI = resolve(import.meta.dirname, '../../apps/cli/main.ts');
const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('lab-wan.test.ts is skipped: network namespaces need root.\n');

/** A prefix of any length before a command that has a word at least. */
type Argv = [string, ...string[]];

// Network namespaces and TUN devices need root.
describe.skipIf(!isRoot)('the emulated wide-area network', () => {
  let folder: string;
  let wan: ChildProcess;
  let layout: LabLayout;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-wan-'));
    layout = labLayout({ name: NAME, nodes: 3, subnet: await freeSubnet(systemRunner) });
    await ensureNetwork(layout, systemRunner, true);
    const topology = join(folder, 'topology.json');
    writeFileSync(topology, JSON.stringify(wanTopology(layout)));
    wan = spawn(process.execPath, [CLI, 'lab', 'wan', '--json', '--topology', topology], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await linkIsUp(layout.hub.device);
  });

  afterAll(async () => {
    wan.kill('SIGKILL');
    await removeNetwork(NAME, systemRunner);
    rmSync(folder, { recursive: true, force: true });
  });

  async function linkIsUp(device: string): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt++) {
      const { stdout } = await systemRunner.run({ argv: ['ip', 'link', 'show', 'dev', device] });
      if (stdout.includes('LOWER_UP')) return;
      await sleep(50);
    }
    throw new Error(`${device} does not come up`);
  }

  const machine = (index: number) => {
    const node = layout.nodes[index];
    if (node === undefined) throw new Error('three nodes were asked for');
    return node;
  };

  async function roundTripMs(from: readonly string[], address: string): Promise<number | null> {
    return parsePing((await systemRunner.run({ argv: [...from, ...pingArguments(address)] as Argv })).stdout);
  }

  it.each([
    [0, 1],
    [1, 2],
    [2, 0],
  ])('is as slow between machines %i and %i as the distance makes it, in IPv4 and IPv6', async (from, to) => {
    const expected = 2 * (wanTopology(layout).oneWayMs[from]?.[to] ?? Number.NaN);
    const prefix = inNamespace(machine(from).namespace);
    for (const address of [machine(to).ipv4, machine(to).ipv6]) {
      const measured = await roundTripMs(prefix, address);
      expect(measured).toBeGreaterThanOrEqual(expected - 0.1);
      expect(measured).toBeLessThan(expected + 25); // a busy machine is late now and then;
    }
  });

  it('reaches every machine from the hub', async () => {
    for (const index of [0, 1, 2]) expect(await roundTripMs([], machine(index).ipv4)).toBeGreaterThan(1);
  });

  it('leads nowhere else', async () => {
    const prefix = inNamespace(machine(0).namespace);
    const outside = [...prefix, 'ping', '-n', '-c', '1', '-W', '1', '192.0.2.1'] as Argv;
    await expect(systemRunner.run({ argv: outside })).rejects.toThrow(/exited with 1/);
  });

  it('can be made again while it is there', async () => {
    await ensureNetwork(layout, systemRunner, true);
    expect(await roundTripMs(inNamespace(machine(0).namespace), machine(1).ipv4)).not.toBeNull();
  });

  it('says on SIGTERM what it did, and ends', async () => {
    const output = new Promise<string>((fulfil) => wan.stdout?.once('data', (data) => fulfil(String(data))));
    wan.kill('SIGTERM');
    await once(wan, 'exit');
    expect(JSON.parse(await output)).toMatchObject({ queueFull: 0, undeliverable: 0 });
  });

  it('leaves nothing, and removing it again is no failure', async () => {
    await removeNetwork(NAME, systemRunner);
    await removeNetwork(NAME, systemRunner);
    expect(listNetworkNamespaces().filter((name) => name.includes(NAME))).toEqual([]);
    expect(listLinks()).not.toContain(layout.hub.device);
  });
});
