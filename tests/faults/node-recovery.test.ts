import { cpSync, existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cgroupFolder,
  createVolumeImages,
  inNamespace,
  killCgroupTree,
  mountVolumeImage,
  readCgroupHierarchies,
  removeCgroupTree,
  systemRunner,
  unmount,
  unmountUnder,
} from '@planetlab/linux';
import { adminClient, adminWithoutManager, localStatus } from '@planetlab/node-manager';
import { expect, it } from 'vitest';
import { describeNode } from '../host/describe-node.ts';
import { eventually, leaseFor } from '../host/node-fixture.ts';
import { sliverCgroup } from '../host/sliver-cgroup.ts';
import { withSlowness } from '../slowness.ts';
import { fillUp, SMALL_DISKS } from './small-disks.ts';

const STEP_TIMEOUT_MS = withSlowness(1500);

const NODE = { name: 'node-recovery', config: { stepTimeoutMs: STEP_TIMEOUT_MS, diskBound: 'none' } };

describeNode('a node', NODE, (world) => {
  const lease = (slice: string) => world.caller.client.requestLease({ body: leaseFor(slice, { memoryMiB: 32 }) });
  const states = async () =>
    Object.fromEntries((await world.caller.client.listSlivers({})).items.map(({ slice, state }) => [slice, state]));
  const until = async (wanted: Readonly<Record<string, string>>) => {
    const sorted = (all: object) => JSON.stringify(Object.entries(all).sort());
    await eventually(async () => sorted(await states()) === sorted(wanted), 30_000);
    const reasons = (await world.caller.client.listSlivers({})).items.map(({ slice, reason }) => ({ slice, reason }));
    expect(await states(), JSON.stringify(reasons)).toEqual(wanted);
  };
  const pidOf = (slice: string) =>
    Number(JSON.parse(readFileSync(`/run/planetlab/${world.node.tag}/oci/${slice}/status`, 'utf8')).pid);
  const BOTH = { test_one: 'running', test_two: 'running' };

  it('has its slivers again after a reboot, with what they had written', async () => {
    for (const slice of Object.keys(BOTH)) await lease(slice);
    await until(BOTH);
    await world.caller.exec('test_one', ['sh', '-c', 'echo kept > /root/file']);
    await world.node.stop('SIGKILL');
    // all that the kernel had, as after a reboot: links go with the machines' namespaces
    await killCgroupTree(`planetlab/${world.node.tag}`);
    await removeCgroupTree(`planetlab/${world.node.tag}`);
    unmountUnder(`/run/planetlab/${world.node.tag}`);
    rmSync(`/run/planetlab/${world.node.tag}`, { recursive: true });
    await world.start();
    await until(BOTH);
    expect((await world.caller.exec('test_one', ['cat', '/root/file'])).stdout).toBe('kept\n');
  });

  it('knows its running slivers again when its database is destroyed, and removes only what is its own and unknown', async () => {
    const before = [pidOf('test_one'), pidOf('test_two')];
    const ids = (await world.caller.client.listLeases({})).items.map(({ id }) => id);
    await world.node.stop('SIGKILL');
    for (const part of ['', '-wal', '-shm']) rmSync(`${world.node.stateDir}/node.db${part}`, { force: true });
    writeFileSync(`${world.node.stateDir}/node.db`, 'destroyed');
    const prefix = `pl${world.node.tag.slice(0, 4)}`;
    const alike = [`${prefix}-x`, `${prefix}x-7`, `x${prefix}-7`, 'plffff-7'];
    const links = [...alike, `${prefix}-77`]
      .map((name, number) => `link add ${name} type veth peer name other${number}`)
      .join('\n');
    await systemRunner.run({
      argv: [...inNamespace(world.node.namespace), 'ip', '-batch', '-'],
      input: `${links}\n`,
    });
    const foreign = cgroupFolder(readCgroupHierarchies(), 'pids', 'planetlab/ffffffff') ?? '';
    mkdirSync(`${foreign}/test_one`, { recursive: true });
    mkdirSync('/run/planetlab/ffffffff/roots/test_one', { recursive: true });
    mkdirSync(`${world.node.stateDir}/slivers/test_unknown/upper`, { recursive: true });
    try {
      await world.start();
      await until(BOTH);
      expect([pidOf('test_one'), pidOf('test_two')]).toEqual(before);
      expect((await world.caller.client.listLeases({})).items.map(({ id }) => id)).toEqual(ids);
      const table = () => readFileSync(`/proc/${world.node.process().pid}/net/dev`, 'utf8');
      expect(await eventually(() => !table().includes(`${prefix}-77:`))).toBe(true);
      expect(await eventually(() => !existsSync(`${world.node.stateDir}/slivers/test_unknown`))).toBe(true);
      for (const name of alike) expect(table()).toContain(`${name}:`);
      expect(existsSync(`${foreign}/test_one`)).toBe(true);
      expect(existsSync('/run/planetlab/ffffffff/roots/test_one')).toBe(true);
      expect(existsSync(`${world.node.stateDir}/node.db.damaged`)).toBe(true);
    } finally {
      for (const folder of [`${foreign}/test_one`, foreign]) rmdirSync(folder);
      rmSync('/run/planetlab/ffffffff', { recursive: true });
    }
  });

  it('ends a step that hangs, says so, tries again, and makes other slivers meanwhile', async () => {
    await world.node.stop('SIGTERM');
    const programs = join(world.node.stateDir, '..', 'programs');
    const hanging = join(programs, 'hanging');
    const real = (await systemRunner.run({ argv: ['sh', '-c', 'command -v crun'] })).stdout.trim();
    mkdirSync(programs);
    writeFileSync(hanging, '');
    const script = `#!/bin/sh\ncase "$*" in *create*test_hangs) [ -e ${hanging} ] && exec sleep 600 ;; esac\nexec ${real} "$@"\n`;
    writeFileSync(join(programs, 'crun'), script, { mode: 0o755 });
    await world.start({ PATH: `${programs}:${process.env['PATH']}` });
    await lease('test_hangs');
    await lease('test_three');
    await until({ test_hangs: 'failed', ...BOTH, test_three: 'running' });
    const { reason } = await world.caller.client.getSliver({ params: { slice: leaseFor('test_hangs').slice } });
    expect(reason).toMatchObject({ code: 'step_failed' });
    expect(reason?.message).toContain(`did not end within ${STEP_TIMEOUT_MS} ms`);
    rmSync(hanging);
    await until({ test_hangs: 'running', ...BOTH, test_three: 'running' });
    await world.endAll();
  });

  /** Has the node's state on another disk for a while. */
  const onDisk = async (mount: (folder: string) => Promise<boolean>, act: () => Promise<void>): Promise<void> => {
    await world.node.stop('SIGTERM');
    const aside = join(world.node.stateDir, '..', 'aside');
    cpSync(world.node.stateDir, aside, { recursive: true });
    if (!(await mount(world.node.stateDir))) return; // the reason is printed
    try {
      cpSync(aside, world.node.stateDir, { recursive: true });
      await world.start();
      await act();
      await world.endAll();
      await world.node.stop('SIGTERM');
    } finally {
      await world.node.stop('SIGKILL');
      unmount(world.node.stateDir);
      rmSync(aside, { recursive: true });
    }
  };

  it.each(SMALL_DISKS)('refuses on $what, makes nothing by halves, and goes on when there is room', (disk) =>
    onDisk(disk.mount, async () => {
      await lease('test_first');
      await until({ test_first: 'running' });
      const filler = join(world.node.stateDir, 'filler');
      await fillUp(filler);
      await expect(lease('test_late')).rejects.toMatchObject({ code: 'insufficient_resources' });
      expect(await states()).toEqual({ test_first: 'running' });
      expect(localStatus(world.node.stateDir).slivers).toMatchObject([{ slice: 'test_first' }]); // from their journal
      rmSync(filler);
      await lease('test_late');
      await until({ test_first: 'running', test_late: 'running' });
    }),
  );

  it.each(SMALL_DISKS)('is its administrator’s on $what as well, also when it starts there', (disk) =>
    onDisk(disk.mount, async () => {
      for (const slice of Object.keys(BOTH)) await lease(slice);
      await until(BOTH);
      const { stateDir } = world.node;
      const filler = join(stateDir, 'filler');
      const fill = () => fillUp(filler);
      const [one, two] = [leaseFor('test_one').slice, leaseFor('test_two').slice];
      const stop = { params: { slice: one }, body: { reason: null } };
      const ban = { params: { subject: two }, body: { reason: null } };
      const unwritten = {
        code: 'step_failed',
        message: expect.stringContaining('until the node manager starts again'),
      };
      await fill();
      await expect(adminClient(stateDir)?.stop(stop)).rejects.toMatchObject(unwritten);
      await expect(adminClient(stateDir)?.ban(ban)).rejects.toMatchObject(unwritten);
      await until({ test_one: 'stopped', test_two: 'stopped' });
      await world.node.stop('SIGKILL');
      await world.start();
      rmSync(filler);
      await until(BOTH); // it was forgotten, as was said
      await fill();
      await world.node.stop('SIGKILL');
      await adminWithoutManager(stateDir, Date.now)
        .stop(one, null)
        .catch(() => {}); // it may have found room
      expect(sliverCgroup(world.node.tag, one).pids()).toEqual([]);
      rmSync(filler);
      await world.start();
      await adminClient(stateDir)?.ban(ban);
      expect(await eventually(async () => !(two in (await states())), 30_000)).toBe(true);
    }),
  );

  it('waits for its own disk when that stands still; slivers do not, and nothing is promised meanwhile', () =>
    onDisk(mountPlainDisk, async () => {
      const freeze = (how: '-f' | '-u') => systemRunner.run({ argv: ['fsfreeze', how, world.node.stateDir] });
      await lease('test_first');
      await until({ test_first: 'running' });
      await world.caller.exec('test_first', ['sh', '-c', '(while :; do :; done) >/dev/null 2>&1 &']);
      const ticks = () => ticksOf(sliverCgroup(world.node.tag, 'test_first').pids());
      await freeze('-f');
      let promised = false;
      const late = lease('test_late').then(() => {
        promised = true;
      });
      try {
        const before = ticks();
        expect(await eventually(() => ticks() > before + 50, 60_000)).toBe(true);
        expect(promised).toBe(false);
      } finally {
        await freeze('-u');
      }
      await late;
      await until({ test_first: 'running', test_late: 'running' });
    }));
});

const PLAIN_DISK_MIB = 256;

async function mountPlainDisk(folder: string): Promise<boolean> {
  const image = `${folder}.ext4`;
  await createVolumeImages(systemRunner).make(image, PLAIN_DISK_MIB);
  await mountVolumeImage(image, folder);
  return true;
}

/** Processor time of programs, in clock ticks. */
const ticksOf = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11]), 0);
