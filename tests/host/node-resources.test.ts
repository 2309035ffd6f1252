import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemRunner } from '@planetlab/linux';
import { isPlanetLabError } from '@planetlab/model';
import { expect, it } from 'vitest';
import { describeNode } from './describe-node.ts';
import { eventually } from './node-fixture.ts';
import { sliverCgroup } from './sliver-cgroup.ts';

describeNode('the resources of a sliver', { name: 'resources', config: { diskBound: 'loop' } }, (world) => {
  const cgroup = (slice: string) => sliverCgroup(world.node.tag, slice);
  const weightOf = (slice: string) => cgroup(slice).cpuWeight();
  /** Thousandths of a processor that it uses, over a second or more. */
  const computing = async (slice: string): Promise<number> => {
    const read = async () => [(await usage(slice)).cpu.usedMs, performance.now()] as const;
    const [usedMs, atMs] = await read();
    await delay(1_000);
    const [laterMs, nowMs] = await read();
    return ((laterMs - usedMs) * 1000) / (nowMs - atMs);
  };
  const usage = (slice: string) => world.caller.client.getUsage({ params: { slice } });

  it('change while it runs: nothing in it notices, and the lease says what holds now', async () => {
    const lease = await world.sliver('test_live');
    const boot = await world.caller.exec('test_live', ['sh', '-c', 'stat -c %Y /proc/1; touch /kept']);
    const resources = { ...lease.resources, memoryMiB: 96, processes: 32, cpuShares: 2 };
    const changed = await world.caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
    expect(changed).toMatchObject({ id: lease.id, resources });
    expect(await eventually(() => cgroup('test_live').processLimit() === 32)).toBe(true);
    expect(cgroup('test_live').memoryLimitBytes()).toBe(96 * 2 ** 20);
    expect(weightOf('test_live')).toBeCloseTo(2, 1);
    const after = await world.caller.exec('test_live', ['sh', '-c', 'stat -c %Y /proc/1; ls /kept']);
    expect(after.stdout).toBe(`${boot.stdout}/kept\n`);
    const { items } = await world.caller.client.listSteps({ query: { slice: 'test_live' } });
    expect(items[0]).toMatchObject({ step: 'ApplyLimits', outcome: 'done' });
    expect(items.filter(({ step }) => step === 'StartMachine')).toHaveLength(1);
  });

  it('are refused as a whole when they do not fit, and nothing changes', async () => {
    const { items } = await world.caller.client.listLeases({});
    const lease = items.find(({ slice }) => slice === 'test_live');
    if (lease === undefined) throw new Error('no lease');
    const ask = (resources: object) =>
      world.caller.client
        .changeLease({ params: { lease: lease.id }, body: { resources: { ...lease.resources, ...resources } } })
        .then(
          () => 'granted',
          (error: unknown) => (isPlanetLabError(error) ? error.code : String(error)),
        );
    expect(await ask({ processes: 16, memoryMiB: 1_000_000 })).toBe('insufficient_resources');
    expect(await ask({ diskMiB: 50 })).toBe('admission_refused');
    expect((await world.caller.client.listLeases({})).items).toEqual(items);
    expect(cgroup('test_live').processLimit()).toBe(32);
  });

  it('reserve processors: who keeps to it goes first, who wants more has its weight among all slivers', async () => {
    await world.sliver('test_plain');
    await world.sliver('test_reserved', { cpuReservedMillis: 200 });
    expect(await eventually(() => weightOf('test_reserved') > 200, 30_000)).toBe(true);
    const busy = [
      'timeout',
      '120',
      'sh',
      '-c',
      'for i in $(seq $(nproc)); do while [ ! -e /stop ]; do :; done & done; wait',
    ];
    const ended = world.caller.exec('test_reserved', busy);
    const cores = Number((await world.caller.client.getNode({})).capacity.cpuReservedMillis) / 850;
    const reserved = 200 / (1000 * Math.round(cores));
    const shares = 2 + 1 + 1; // test_live has two
    expect(await eventually(async () => (await computing('test_reserved')) > 300, 60_000), 'idle time is lent').toBe(
      true,
    );
    expect(cgroup('test_reserved').cpuBounded()).toBe(false);
    expect(
      await eventually(
        () => Math.abs(weightOf('test_reserved') - (1 + (reserved * shares) / (1 - reserved))) < 0.05,
        30_000,
      ),
    ).toBe(true);
    await world.caller.exec('test_reserved', ['touch', '/stop']);
    await ended;
    expect(await eventually(() => weightOf('test_reserved') > 200, 30_000)).toBe(true);
    expect(weightOf('test_plain')).toBeCloseTo(1, 1);
    const { cpu } = await usage('test_reserved');
    expect(cpu.guaranteedMillis).toBeGreaterThanOrEqual(200);
  });

  it('bound memory: who goes over it dies alone, and its people are told', async () => {
    await world.sliver('test_greedy', { memoryMiB: 32 });
    const bomb = await world.caller.exec('test_greedy', ['perl', '-e', '$x = "x" x (256 * 2**20); print length $x']);
    expect(bomb.code).toBe(137);
    expect((await usage('test_greedy')).memory.killed).toBeGreaterThanOrEqual(1);
    expect((await world.caller.exec('test_greedy', ['echo', 'alive'])).stdout).toBe('alive\n');
    const noticed = async () => (await usage('test_greedy')).notices.some(({ code }) => code === 'memory_limit');
    expect(await eventually(noticed, 15_000)).toBe(true);
    expect((await usage('test_plain')).memory.killed).toBe(0);
  });

  it('bound bytes and files on disk, hard', async () => {
    await world.sliver('test_disk', { diskMiB: 64 });
    const fill = await world.caller.exec('test_disk', [
      'sh',
      '-c',
      'dd if=/dev/zero of=/big bs=1M count=200 2>&1; rm /big',
    ]);
    expect(fill.stdout).toContain('No space left on device');
    const before = await usage('test_disk');
    expect(before.disk).toMatchObject({ bound: 'loop', limitMiB: 64 });
    expect(before.disk.usedMiB).toBeLessThan(16);
    const many = 'i=0; while [ $i -lt 20000 ]; do : >/f$i || exit 3; i=$((i+1)); done';
    expect((await world.caller.exec('test_disk', ['sh', '-c', `${many} 2>/dev/null`])).code).not.toBe(0);
    const { disk } = await usage('test_disk');
    expect(disk.files).toBe(disk.filesLimit);
    expect((await world.caller.exec('test_plain', ['touch', '/unharmed'])).code).toBe(0);
    const image = `${world.node.stateDir}/slivers/test_disk/disk.img`;
    expect((await systemRunner.run({ argv: ['losetup', '-j', image] })).stdout).toContain('/dev/loop');
  });

  it('are told of as before, and leave no loop device behind, when the manager was killed meanwhile', async () => {
    const image = `${world.node.stateDir}/slivers/test_disk/disk.img`;
    const { items } = await world.caller.client.listLeases({});
    const told = (await usage('test_greedy')).notices;
    expect(told.map(({ code }) => code)).toContain('memory_limit');
    await world.node.stop('SIGKILL');
    await world.start();
    expect((await world.caller.exec('test_disk', ['ls', '/f1'])).stdout).toBe('/f1\n');
    expect((await usage('test_greedy')).notices, 'told before, and not again').toEqual(told);
    for (const { id } of items) await world.caller.client.endLease({ params: { lease: id } });
    expect(await eventually(async () => (await world.caller.client.listSlivers({})).items.length === 0, 20_000)).toBe(
      true,
    );
    expect(existsSync(image)).toBe(false);
    const detached = async () =>
      !(await systemRunner.run({ argv: ['losetup', '-a'] })).stdout.includes(world.node.stateDir);
    expect(await eventually(detached)).toBe(true);
  });
});
