import { existsSync, mkdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { SliverUsage } from '@planetlab/contract';
import {
  type CommandRunner,
  createSubvolume,
  createVolumeImages,
  growVolumeImage,
  imageSizeMiB,
  isMountPoint,
  limitProject,
  limitSubvolume,
  mayGrowVolumes,
  mountVolumeImage,
  projectUse,
  setProject,
  subvolumeUse,
} from '@planetlab/linux';

/**
 * What keeps a sliver's volume to its limit: the file system's own count of a folder (project quota of ext4 and XFS,
 * qgroups of btrfs), a loop file with a file system of its own, or nothing.
 */
export type DiskBound = 'project-quota' | 'btrfs-quota' | 'loop' | 'none';
export type DiskUse = SliverUsage['disk'];

/** Where the volume of one sliver is: what it keeps, and where it may be mounted. */
export interface VolumeFolders {
  readonly volume: string;
  readonly mounts: string;
}

/** One kind of bound. Everything may be done again at any time. */
export interface Bound {
  readonly kind: DiskBound;
  /** Whether the volume was made under this kind: then it keeps it. */
  has(folders: VolumeFolders): boolean;
  /** Makes it with its limit; the folder that slivers' changes go to. `project` is a number that no other sliver has. */
  prepare(folders: VolumeFolders, diskMiB: number, project: number): Promise<string>;
  /** Its limit; undefined when there is none. */
  limitMiB(folders: VolumeFolders): number | undefined;
  /** Lets a volume in use take more. */
  grow(folders: VolumeFolders, diskMiB: number): Promise<void>;
  /** Whether it can. */
  readonly grows: boolean;
  /** What is in it, or undefined when that is not known now. */
  use(folders: VolumeFolders): Omit<DiskUse, 'bound'> | undefined;
}

const MIB = 1024 * 1024;
/** The same proportion in which a loop file has room for files. */
const BYTES_PER_FILE = 8192;

export const noBound: Bound = {
  kind: 'none',
  has: ({ volume }) => existsSync(join(volume, 'upper')),
  prepare: async ({ volume }) => volume,
  limitMiB: () => undefined,
  grow: async () => {},
  grows: true,
  use: () => undefined,
};

export function projectBound(): Bound {
  const folderOf = ({ volume }: VolumeFolders) => join(volume, 'project');
  const limit = (folder: string, diskMiB: number) =>
    limitProject(folder, { bytes: diskMiB * MIB, files: Math.ceil((diskMiB * MIB) / BYTES_PER_FILE) });
  return {
    kind: 'project-quota',
    has: (folders) => existsSync(folderOf(folders)),
    async prepare(folders, diskMiB, project) {
      const folder = folderOf(folders);
      mkdirSync(folder, { recursive: true });
      setProject(folder, project);
      if (projectUse(folder).limitBytes < diskMiB * MIB) limit(folder, diskMiB);
      return folder;
    },
    limitMiB: (folders) => projectUse(folderOf(folders)).limitBytes / MIB,
    grow: async (folders, diskMiB) => limit(folderOf(folders), diskMiB),
    grows: true,
    use(folders) {
      const { limitBytes, usedBytes, files, filesLimit } = projectUse(folderOf(folders));
      return { usedMiB: usedBytes / MIB, limitMiB: limitBytes / MIB, files, filesLimit };
    },
  };
}

/** Files are not counted: each takes of the bytes. */
export function btrfsBound(): Bound {
  const folderOf = ({ volume }: VolumeFolders) => join(volume, 'subvolume');
  const limitOf = (folders: VolumeFolders) => (subvolumeUse(folderOf(folders))?.limitBytes ?? 0) / MIB;
  const grow = (folders: VolumeFolders, diskMiB: number) => limitSubvolume(folderOf(folders), diskMiB * MIB);
  return {
    kind: 'btrfs-quota',
    has: (folders) => existsSync(folderOf(folders)),
    async prepare(folders, diskMiB) {
      createSubvolume(folderOf(folders));
      if (limitOf(folders) < diskMiB) grow(folders, diskMiB);
      return folderOf(folders);
    },
    limitMiB: limitOf,
    grow: async (folders, diskMiB) => grow(folders, diskMiB),
    grows: true,
    use(folders) {
      const use = subvolumeUse(folderOf(folders));
      if (use === undefined) return undefined;
      return { usedMiB: use.usedBytes / MIB, limitMiB: use.limitBytes / MIB, files: null, filesLimit: null };
    },
  };
}

export function loopBound(runner: CommandRunner, mountTimeoutMs?: number): Bound {
  const images = createVolumeImages(runner);
  const imageOf = ({ volume }: VolumeFolders) => join(volume, 'disk.img');
  const diskOf = ({ mounts }: VolumeFolders) => join(mounts, 'disk');
  const bound: Bound = {
    kind: 'loop',
    has: (folders) => existsSync(imageOf(folders)),
    async prepare(folders, diskMiB) {
      await images.make(imageOf(folders), diskMiB);
      await mountVolumeImage(imageOf(folders), diskOf(folders), mountTimeoutMs);
      if (mayGrowVolumes() && (bound.limitMiB(folders) ?? 0) < diskMiB) await bound.grow(folders, diskMiB);
      return diskOf(folders);
    },
    limitMiB: (folders) => imageSizeMiB(imageOf(folders)),
    grow: (folders, diskMiB) => growVolumeImage(imageOf(folders), diskMiB, diskOf(folders), runner),
    grows: mayGrowVolumes(),
    use(folders) {
      const limitMiB = imageSizeMiB(imageOf(folders));
      if (limitMiB === undefined || !isMountPoint(diskOf(folders))) return undefined;
      const { blocks, bfree, bsize, files, ffree } = statfsSync(diskOf(folders));
      return { usedMiB: ((blocks - bfree) * bsize) / MIB, limitMiB, files: files - ffree, filesLimit: files };
    },
  };
  return bound;
}
