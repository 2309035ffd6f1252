import { truncateSync, writeFileSync } from 'node:fs';
import { enableQuotas, limitSubvolume, systemRunner } from '@planetlab/linux';

const DISK_MIB = 300;

/** A disk on which little can be written. */
export interface SmallDisk {
  readonly what: string;
  /** Mounts it on a folder; false where this kernel cannot, with the reason printed. */
  mount(folder: string): Promise<boolean>;
}

/** How the two ways of having no room look: ENOSPC, and EDQUOT from a file system that counts. */
export const SMALL_DISKS: readonly SmallDisk[] = [
  {
    what: 'a full disk',
    async mount(folder) {
      await run('mount', '-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=0700`, 'tmpfs', folder);
      return true;
    },
  },
  {
    what: 'a disk whose quota is used up',
    async mount(folder) {
      const image = `${folder}.btrfs`;
      writeFileSync(image, '');
      truncateSync(image, 4 * DISK_MIB * 2 ** 20);
      await run('mkfs.btrfs', '-q', image);
      try {
        await run('mount', '-o', 'loop', image, folder);
      } catch (error) {
        console.log(`skipped: a disk whose quota is used up: ${String(error)}`);
        return false;
      }
      enableQuotas(folder);
      limitSubvolume(folder, DISK_MIB * 2 ** 20);
      return true;
    },
  },
];

/** Writes until its disk takes nothing more: what counts gives back, when it has written, part of what it had set aside. */
export async function fillUp(file: string): Promise<void> {
  const append = 'for round in 1 2 3; do for size in 1M 4k; do dd if=/dev/zero bs=$size; done; sync -f "$1"; done';
  await run('sh', '-c', `{ ${append}; } >>"$1" 2>/dev/null || true`, 'sh', file);
}

const run = (program: string, ...args: readonly string[]) => systemRunner.run({ argv: [program, ...args] });
