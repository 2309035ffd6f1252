import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { HostFeature, SliverUsage } from '@planetlab/contract';
import {
  type CommandRunner,
  createVolumeImages,
  growVolumeImage,
  imageSizeMiB,
  isMountPoint,
  mayGrowVolumes,
  mountVolumeImage,
  tryVolumeImage,
} from '@planetlab/linux';
import { messageOf } from '@planetlab/model';
import { type NodeNames, type NodePaths, volumePaths } from '../paths.ts';

/** What keeps a sliver's volume to its limit: a loop file with a file system of its own, or nothing. */
export type DiskBound = 'loop' | 'none';
export type DiskUse = SliverUsage['disk'];

export interface VolumesOptions {
  readonly paths: NodePaths;
  readonly names: NodeNames;
  readonly runner: CommandRunner;
  readonly bound: 'auto' | DiskBound;
  readonly mountTimeoutMs?: number;
}

/** Where slivers write. A volume that was made under one kind of bound keeps it. */
export interface Volumes {
  /** Makes and mounts the volume of a sliver; folders for the overlay's changes in it. */
  prepare(slice: string, diskMiB: number): Promise<{ readonly upper: string; readonly work: string }>;
  holds(slice: string, diskMiB: number): boolean;
  grow(slice: string, diskMiB: number): Promise<void>;
  grows(slice: string): boolean;
  use(slice: string, diskMiB: number): DiskUse;
  feature(): Promise<HostFeature>;
}

const MIB = 1024 * 1024;

export function createVolumes({ paths, names, runner, bound, mountTimeoutMs }: VolumesOptions): Volumes {
  const images = createVolumeImages(runner);
  let decided: Promise<Decision> | undefined;
  const decide = () => (decided ??= decideBound(bound, runner));

  const filesOf = (slice: string) => {
    const { volume, mounts } = volumePaths(paths, names, slice);
    return { volume, image: join(volume, 'disk.img'), disk: join(mounts, 'disk') };
  };
  const isUnbounded = (slice: string): boolean => existsSync(volumePaths(paths, names, slice).upper);

  const volumes: Volumes = {
    async prepare(slice, diskMiB) {
      const { upper, work } = volumePaths(paths, names, slice);
      const { volume, image, disk } = filesOf(slice);
      mkdirSync(volume, { recursive: true, mode: 0o700 });
      const bounded = existsSync(image) || (!isUnbounded(slice) && (await decide()).bound === 'loop');
      if (!bounded) return { upper, work };
      await images.make(image, diskMiB);
      await mountVolumeImage(image, disk, mountTimeoutMs);
      if (mayGrowVolumes() && !volumes.holds(slice, diskMiB)) await volumes.grow(slice, diskMiB);
      return { upper: join(disk, 'upper'), work: join(disk, 'work') };
    },
    holds: (slice, diskMiB) => (imageSizeMiB(filesOf(slice).image) ?? Number.POSITIVE_INFINITY) >= diskMiB,
    async grow(slice, diskMiB) {
      const { image, disk } = filesOf(slice);
      if (!volumes.holds(slice, diskMiB)) await growVolumeImage(image, diskMiB, disk, runner);
    },
    grows: (slice) => !existsSync(filesOf(slice).image) || mayGrowVolumes(),
    use(slice, diskMiB) {
      const { image, disk } = filesOf(slice);
      const limitMiB = imageSizeMiB(image);
      if (limitMiB === undefined || !isMountPoint(disk))
        return { bound: 'none', usedMiB: null, limitMiB: diskMiB, files: null, filesLimit: null };
      const { blocks, bfree, bsize, files, ffree } = statfsSync(disk);
      const usedMiB = ((blocks - bfree) * bsize) / MIB;
      return { bound: 'loop', usedMiB, limitMiB, files: files - ffree, filesLimit: files };
    },
    async feature() {
      const { bound: kind, reason } = await decide();
      return { feature: 'disk bound', available: kind !== 'none', reason };
    },
  };
  return volumes;
}

interface Decision {
  readonly bound: DiskBound;
  readonly reason: string;
}

async function decideBound(wanted: VolumesOptions['bound'], runner: CommandRunner): Promise<Decision> {
  if (wanted === 'none')
    return { bound: 'none', reason: 'The owner has chosen none in config.json: slivers may fill the disk.' };
  const grows = mayGrowVolumes() ? '' : ' They cannot grow while in use: this process lacks CAP_SYS_RESOURCE.';
  const loop = { bound: 'loop', reason: `Loop files: each sliver has a file system of its own.${grows}` } as const;
  if (wanted === 'loop') return loop; // and if it does not work, slivers fail with the reason
  try {
    await tryVolumeImage(runner);
    return loop;
  } catch (error) {
    return {
      bound: 'none',
      reason: `None: slivers may fill the disk, for loop files do not work. ${messageOf(error)}`,
    };
  }
}
