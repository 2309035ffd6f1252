import { generateKeyPair, issueLease } from '@planetlab/credentials';
import { DEFAULT_RESOURCES } from '@planetlab/model';
import { asMachineId, type MachineStats } from '@planetlab/vmm';
import { describe, expect, it } from 'vitest';
import { createDirectory, type SliverDirectory } from '../slivers/directory.ts';
import { createEventHub } from '../slivers/event-hub.ts';
import { leaseOf, slice, storeIn, temporaryFolder } from '../testing/fixtures.ts';
import { type MemoryReading, MemoryWatch, parseKills, parseMeminfo } from './memory-watch.ts';

const key = generateKeyPair();
const addresses = { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: null, idBase: 100_000_000 };
const logger = { info() {}, warn() {}, error() {} };
const NOTHING: MachineStats = {
  ...{ cpuWaitedMs: null, memoryWaitedMs: null },
  ...{ cpuMs: 0, memoryMiB: 0, memoryPeakMiB: null, memoryAtLimit: 0, memoryKills: 0, processes: 1 },
  processesRefused: 0,
};

const LIMITS_MIB = [256, 1024];

/** Two running slivers whose use a test sets, on a machine whose memory it sets. */
function setUp() {
  const folder = temporaryFolder();
  const store = storeIn(folder.path, key);
  const directory = createDirectory({ store, hub: createEventHub(), addresses, now: Date.now });
  const use = new Map<string, Partial<MachineStats>>();
  const ended: string[] = [];
  const machine: { memory: MemoryReading | undefined; kills: number | undefined } = {
    memory: { totalMiB: 1000, availableMiB: 500 },
    kills: undefined, // not counted for all together
  };
  const asked: string[] = [];
  for (const [index, name] of ['a1_x', 'a1_y'].entries()) {
    const lease = leaseOf(name, { resources: { ...DEFAULT_RESOURCES, memoryMiB: LIMITS_MIB[index] ?? 0 } });
    const entry = { lease, token: issueLease(key, lease), imageDigest: 'd', keys: [] };
    store.addLeases([{ ...entry, index: index + 2 }]);
    directory.report(slice(name), 'running');
  }
  const another = (of: SliverDirectory) =>
    new MemoryWatch({
      ...{
        store,
        directory: of,
        logger,
        now: Date.now,
        read: () => machine.memory,
        killsOfAll: () => machine.kills,
        periodMs: 3_600_000,
      },
      vmm: {
        async stats(id) {
          asked.push(id);
          return { ...NOTHING, ...use.get(id) };
        },
        stop: async (id) => void ended.push(`stop ${id}`),
      },
      trigger: (name) => void ended.push(`trigger ${name}`),
    });
  const watch = another(directory);
  return {
    ...{ store, directory, use, ended, asked, machine, watch, another },
    async [Symbol.asyncDispose]() {
      await watch[Symbol.asyncDispose]();
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

describe('the memory watch', () => {
  it('tells once of each time that a sliver met its limit', async () => {
    await using node = setUp();
    await node.watch.look();
    expect(node.directory.get('a1_x')?.notices).toBeUndefined();
    node.use.set('a1_x', { memoryKills: 2 });
    await node.watch.look();
    await node.watch.look();
    expect(node.directory.get('a1_x')?.notices).toMatchObject([
      { code: 'memory_limit', message: expect.stringMatching(/^2 programs .* limit of 256 MiB\.$/) },
    ]);
    node.use.set('a1_x', { memoryKills: 1 }); // of a new machine
    await node.watch.look();
    expect(node.directory.get('a1_x')?.notices).toHaveLength(2);
    expect(node.directory.get('a1_y')?.notices).toBeUndefined();
    expect(node.store.listSteps({ slices: ['a1_x' as never], limit: 9 })).toMatchObject([
      { step: 'MemoryLimitReached', message: expect.stringMatching(/^A program was/) },
      { step: 'MemoryLimitReached' },
    ]);
  });

  it('tells nobody again what an earlier manager has told', async () => {
    await using node = setUp();
    node.use.set('a1_x', { memoryKills: 2 });
    await node.watch.look();
    const next = createDirectory({ store: node.store, hub: createEventHub(), addresses, now: Date.now });
    next.report(slice('a1_x'), 'running');
    await using watch = node.another(next);
    await watch.look();
    expect(next.get('a1_x')?.notices).toMatchObject([{ code: 'memory_limit' }]);
    node.use.set('a1_x', { memoryKills: 3 });
    await watch.look();
    expect(next.get('a1_x')?.notices).toMatchObject([{}, { message: expect.stringMatching(/^A program was/) }]);
  });

  it('resets the largest when the machine is 90 % full, however much it may use, and no other', async () => {
    await using node = setUp();
    node.use.set('a1_x', { memoryMiB: 100 });
    node.use.set('a1_y', { memoryMiB: 200 });
    await node.watch.look();
    expect(node.ended).toEqual([]);
    node.machine.memory = { totalMiB: 1000, availableMiB: 99 };
    await node.watch.look();
    expect(node.ended).toEqual([`stop ${asMachineId('a1_y')}`, 'trigger a1_y']);
    expect(node.directory.get('a1_y')?.notices).toMatchObject([{ code: 'memory_pressure' }]);
  });

  it('resets the largest offender also while nothing can be written down', async () => {
    await using node = setUp();
    const full = () => {
      throw new Error('no space left on device');
    };
    Object.assign(node.store, { addNotice: full, logSteps: full });
    node.use.set('a1_x', { memoryMiB: 200, memoryKills: 1 });
    node.machine.memory = { totalMiB: 1000, availableMiB: 99 };
    await node.watch.look();
    expect(node.ended).toEqual([`stop ${asMachineId('a1_x')}`, 'trigger a1_x']);
    expect(node.directory.get('a1_x')?.notices).toMatchObject([{ code: 'memory_limit' }, { code: 'memory_pressure' }]);
  });

  it('asks slivers only when a program was ended somewhere, or memory is short', async () => {
    await using node = setUp();
    node.machine.kills = 7;
    await node.watch.look();
    expect(node.asked.splice(0), 'never asked yet').toHaveLength(2);
    await node.watch.look();
    expect(node.asked).toEqual([]);
    node.machine.kills = 8;
    node.use.set('a1_x', { memoryKills: 1 });
    node.directory.report(slice('a1_y'), 'starting');
    await node.watch.look();
    expect(node.directory.get('a1_x')?.notices).toMatchObject([{ code: 'memory_limit' }]);
    node.directory.report(slice('a1_y'), 'running');
    node.use.set('a1_y', { memoryKills: 1 });
    await node.watch.look();
    expect(node.directory.get('a1_y')?.notices, 'while it started').toMatchObject([{ code: 'memory_limit' }]);
    node.asked.length = 0;
    await node.watch.look();
    expect(node.asked).toEqual([]);
    node.machine.memory = { totalMiB: 1000, availableMiB: 99 };
    await node.watch.look();
    expect(node.asked).toHaveLength(2);
    expect(['nr_free_pages 1\noom_kill 12\nballoon 0\n', 'nr_free_pages 1\n'].map(parseKills)).toEqual([12, undefined]);
  });

  it('decides nothing where memory cannot be read', async () => {
    await using node = setUp();
    node.machine.memory = undefined;
    node.use.set('a1_x', { memoryMiB: 256 });
    await node.watch.look();
    expect(node.ended).toEqual([]);
    expect(parseMeminfo('MemTotal:       1024 kB\n')).toBeUndefined();
    expect(parseMeminfo('MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:  1024 kB\n')).toEqual({
      totalMiB: 2,
      availableMiB: 1,
    });
  });
});
