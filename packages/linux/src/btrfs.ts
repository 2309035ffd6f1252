import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { check, cLibrary } from './syscalls.ts';

/** Subvolumes of btrfs, each with a limit of its own where quotas are on for the file system. */

const SUBVOL_CREATE = 0x5000940e;
const SUBVOL_ARGS_BYTES = 4096;
const NAME_OFFSET = 8;
const FS_INFO = 0x8400941f;
const FS_INFO_BYTES = 1024;
const FS_ID_OFFSET = 16;
const INO_LOOKUP = 0xd0009412;
const INO_LOOKUP_BYTES = 4096;
const FIRST_FREE_OBJECT = 256n;
const QUOTA_CTL = 0xc0109428;
const QUOTA_ENABLE = 1n;
const QGROUP_LIMIT = 0x8030942b;
const QGROUP_LIMIT_BYTES = 48;
const LIMIT_REFERENCED = 1n;

export interface SubvolumeUse {
  readonly limitBytes: number;
  readonly usedBytes: number;
}

/** Makes an empty subvolume. No effect when there is something of that name. It is removed as a folder is. */
export function createSubvolume(path: string): void {
  if (existsSync(path)) return;
  const args = Buffer.alloc(SUBVOL_ARGS_BYTES);
  args.write(basename(path), NAME_OFFSET);
  ioctl(dirname(path), SUBVOL_CREATE, args, 'BTRFS_IOC_SUBVOL_CREATE');
}

/** Has the file system count what each subvolume uses. It costs every writer on it a little: its owner decides. */
export function enableQuotas(path: string): void {
  const args = Buffer.alloc(16);
  args.writeBigUInt64LE(QUOTA_ENABLE, 0);
  ioctl(path, QUOTA_CTL, args, 'BTRFS_IOC_QUOTA_CTL');
}

/** Limits what a subvolume may refer to, hard. Throws SystemCallError where quotas are off. */
export function limitSubvolume(path: string, bytes: number): void {
  const args = Buffer.alloc(QGROUP_LIMIT_BYTES);
  args.writeBigUInt64LE(LIMIT_REFERENCED, 8);
  args.writeBigUInt64LE(BigInt(bytes), 16);
  ioctl(path, QGROUP_LIMIT, args, 'BTRFS_IOC_QGROUP_LIMIT');
}

/** What a subvolume may use and uses; undefined where the kernel does not say. */
export function subvolumeUse(path: string): SubvolumeUse | undefined {
  const folder = `/sys/fs/btrfs/${fileSystemId(path)}/qgroups/0_${subvolumeId(path)}`;
  if (!existsSync(folder)) return undefined;
  const value = (name: string) => Number(readFileSync(join(folder, name), 'utf8'));
  return { limitBytes: value('max_referenced'), usedBytes: value('referenced') };
}

function fileSystemId(path: string): string {
  const info = ioctl(path, FS_INFO, Buffer.alloc(FS_INFO_BYTES), 'BTRFS_IOC_FS_INFO');
  const digits = info.toString('hex', FS_ID_OFFSET, FS_ID_OFFSET + 16);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function subvolumeId(path: string): bigint {
  const args = Buffer.alloc(INO_LOOKUP_BYTES);
  args.writeBigUInt64LE(FIRST_FREE_OBJECT, 8);
  return ioctl(path, INO_LOOKUP, args, 'BTRFS_IOC_INO_LOOKUP').readBigUInt64LE(0);
}

function ioctl(path: string, request: number, args: Buffer, name: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    check(cLibrary().ioctlPointer(fd, request, args), `ioctl(${name})`, path);
    return args;
  } finally {
    closeSync(fd);
  }
}
