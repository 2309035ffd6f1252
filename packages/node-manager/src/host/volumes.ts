import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { HostFeature } from '@planetlab/contract';
import { messageOf } from '@planetlab/model';
import { type NodeNames, type NodePaths, volumePaths } from '../paths.ts';
import { type ChooseOptions, chooseBound } from './choose-bound.ts';
import { btrfsBound, type DiskBound, type DiskUse, loopBound, noBound, projectBound } from './disk-bounds.ts';

export type { DiskBound } from './disk-bounds.ts';

export interface VolumesOptions extends Pick<ChooseOptions, 'runner' | 'mountTimeoutMs'> {
  readonly paths: NodePaths;
  readonly names: NodeNames;
  readonly bound: 'auto' | DiskBound;
}

/** Where slivers write. A volume that was made under one kind of bound keeps it. */
export interface Volumes {
  /** Makes and mounts the volume of a sliver; folders for the overlay's changes in it. `project` is no other sliver's. */
  prepare(slice: string, diskMiB: number, project: number): Promise<{ readonly upper: string; readonly work: string }>;
  holds(slice: string, diskMiB: number): boolean;
  grow(slice: string, diskMiB: number): Promise<void>;
  grows(slice: string): boolean;
  use(slice: string, diskMiB: number): DiskUse;
  feature(): Promise<HostFeature>;
}

export function createVolumes({ paths, names, runner, bound: wanted, mountTimeoutMs }: VolumesOptions): Volumes {
  const bounds = [projectBound(), btrfsBound(), loopBound(runner, mountTimeoutMs), noBound];
  let chosen: ReturnType<typeof chooseBound> | undefined;
  const choose = () => {
    chosen ??= chooseBound({ folder: paths.slivers, wanted, runner, mountTimeoutMs });
    chosen.catch(() => (chosen = undefined)); // tried again when it is needed again
    return chosen;
  };
  const foldersOf = (slice: string) => volumePaths(paths, names, slice);
  const boundOf = (slice: string) => bounds.find((each) => each.has(foldersOf(slice))) ?? noBound;
  const volumes: Volumes = {
    async prepare(slice, diskMiB, project) {
      const folders = foldersOf(slice);
      mkdirSync(folders.volume, { recursive: true, mode: 0o700 });
      const bound = bounds.find((each) => each.has(folders)) ?? (await choose()).bound;
      const folder = await bound.prepare(folders, diskMiB, project);
      return { upper: join(folder, 'upper'), work: join(folder, 'work') };
    },
    holds: (slice, diskMiB) => (boundOf(slice).limitMiB(foldersOf(slice)) ?? Number.POSITIVE_INFINITY) >= diskMiB,
    async grow(slice, diskMiB) {
      if (!volumes.holds(slice, diskMiB)) await boundOf(slice).grow(foldersOf(slice), diskMiB);
    },
    grows: (slice) => boundOf(slice).grows,
    use(slice, diskMiB) {
      const { kind, use } = boundOf(slice);
      const known = use(foldersOf(slice));
      if (known !== undefined) return { bound: kind, ...known };
      return { bound: 'none', usedMiB: null, limitMiB: diskMiB, files: null, filesLimit: null };
    },
    async feature() {
      const feature = 'disk bound';
      try {
        const { bound, reason } = await choose();
        return { feature, available: bound.kind !== 'none', reason };
      } catch (error) {
        return { feature, available: false, reason: messageOf(error) };
      }
    },
  };
  return volumes;
}
