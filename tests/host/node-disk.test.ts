import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemRunner, unmount } from '@planetlab/linux';
import { expect, it } from 'vitest';
import { describeNode } from './describe-node.ts';
import { eventually } from './node-fixture.ts';

const SLICE = 'test_disk';
const DISK_MIB = 64;
const IMAGE_MIB = 512;

/** A file system in a file, whose own counts can bound volumes. */
const KINDS = [
  { bound: 'btrfs-quota', make: ['mkfs.btrfs', '-q'], options: 'defaults' },
  {
    bound: 'project-quota',
    make: ['mke2fs', '-q', '-F', '-t', 'ext4', '-O', 'quota,project', '-E', 'quotatype=prjquota'],
    options: 'prjquota',
  },
] as const;

/** What a node chooses by itself where its file system counts for projects, and where it does not. */
const FOUND = [
  { ...KINDS[1], found: 'project-quota' },
  { found: 'loop', bound: 'plain', make: ['mke2fs', '-q', '-F', '-t', 'ext4'], options: 'defaults' },
] as const;

describeNode('a node whose file system counts', { name: 'node-disk', firstStart: null }, (world) => {
  /** Mounts it where slivers write; false, with the reason, where this kernel cannot. */
  const mounted = async ({ bound, make, options }: (typeof KINDS | typeof FOUND)[number]): Promise<boolean> => {
    const image = join(world.node.stateDir, '..', bound);
    writeFileSync(image, '');
    truncateSync(image, IMAGE_MIB * 2 ** 20);
    await systemRunner.run({ argv: [...make, image] });
    const target = join(world.node.stateDir, 'slivers');
    mkdirSync(target, { recursive: true });
    // else what a sliver writes is in memory twice, and both count as its own
    const attach = ['losetup', '--find', '--show', '--direct-io=on', image] as const;
    const device = (await systemRunner.run({ argv: attach })).stdout.trim();
    try {
      await systemRunner.run({ argv: ['mount', '-o', options, device, target] });
      return true;
    } catch (error) {
      console.log(`skipped: ${bound}: ${String(error)}`);
      return false;
    } finally {
      await systemRunner.run({ argv: ['losetup', '--detach', device] }); // with its last user
    }
  };
  const configure = (diskBound: string) => {
    const file = join(world.node.stateDir, 'config.json');
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), diskBound }));
  };
  const usage = () => world.caller.client.getUsage({ params: { slice: SLICE } });
  const run = (script: string) => world.caller.exec(SLICE, ['sh', '-c', script]);

  it.each(KINDS)('bounds each sliver by $bound, hard, lets it grow, and leaves nothing', async (kind) => {
    const { bound } = kind;
    if (!(await mounted(kind))) return; // the reason is printed
    const target = join(world.node.stateDir, 'slivers');
    try {
      configure(bound);
      await world.start();
      const lease = await world.sliver(SLICE, { diskMiB: DISK_MIB });
      const fill = await run('dd if=/dev/zero of=/big bs=1M count=200 2>&1; sync');
      expect(fill.stdout).toMatch(/Disk quota exceeded|No space left on device/);
      const full = (await usage()).disk;
      expect(full).toMatchObject({ bound, limitMiB: DISK_MIB });
      expect(full.usedMiB).toBeGreaterThan(DISK_MIB * 0.7);
      expect(full.usedMiB).toBeLessThanOrEqual(DISK_MIB + 1);
      await run('rm /big; sync');
      expect(await eventually(async () => Number((await usage()).disk.usedMiB) < DISK_MIB / 2, 60_000)).toBe(true);

      const resources = { ...lease.resources, diskMiB: 2 * DISK_MIB };
      await world.caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
      expect(await eventually(async () => (await usage()).disk.limitMiB === 2 * DISK_MIB, 60_000)).toBe(true);
      expect((await run('dd if=/dev/zero of=/more bs=1M count=80 2>/dev/null && rm /more && sync')).code).toBe(0);

      const project = await run('chattr -p 7 /root 2>/dev/null; lsattr -pd /root 2>/dev/null');
      expect(project.stdout, 'it counts for itself').not.toMatch(/^ +7 /);
      const features = (await world.caller.client.getNode({})).features;
      expect(features.find(({ feature }) => feature === 'disk bound')?.available ?? true).toBe(true);
      await world.endAll();
      expect(readdirSync(target).filter((name) => name !== 'lost+found')).toEqual([]);
    } finally {
      await world.node.stop('SIGTERM');
      unmount(target);
    }
  });

  it('removes folders that a sliver has made deeper than the manager may have files open, and answers meanwhile', async () => {
    configure('none');
    await world.start();
    try {
      await world.sliver(SLICE, { diskMiB: DISK_MIB });
      const descend = 'chdir "/root"; for (1..2000) { mkdir "d" or die $!; chdir "d" or die $! }';
      expect(await world.caller.exec(SLICE, ['perl', '-e', descend])).toMatchObject({ code: 0, stderr: '' });
      await systemRunner.run({ argv: ['prlimit', '--pid', String(world.node.process().pid), '--nofile=512:512'] });
      await world.endAll(); // asks all the time whether the sliver is gone
      expect(readdirSync(join(world.node.stateDir, 'slivers'))).toEqual([]);
    } finally {
      await world.node.stop('SIGTERM');
    }
  });

  it.each(FOUND)('finds by trying that it is to be $found, mounted with $options', async (kind) => {
    if (!(await mounted(kind))) return; // the reason is printed
    try {
      configure('auto');
      await world.start();
      await world.sliver(SLICE, { diskMiB: DISK_MIB });
      expect((await usage()).disk).toMatchObject({ bound: kind.found, limitMiB: DISK_MIB });
      await world.endAll();
    } finally {
      await world.node.stop('SIGTERM');
      unmount(join(world.node.stateDir, 'slivers'));
    }
  });
});
