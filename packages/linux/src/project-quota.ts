import { closeSync, openSync } from 'node:fs';
import { check, cLibrary } from './syscalls.ts';

/**
 * Project quota of ext4 and XFS: a folder whose files, wherever they come from below it, count together and keep to one
 * limit. Works where the file system is mounted with `prjquota`; elsewhere every call throws SystemCallError.
 */

const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
const FSXATTR_BYTES = 28;
const FSXATTR_PROJECT_OFFSET = 12;
const FS_XFLAG_PROJINHERIT = 0x200;

const SYS_QUOTACTL_FD = 443;
const PRJQUOTA = 2;
const command = (number: number): number => ((number << 8) | PRJQUOTA) >>> 0;
const Q_GETQUOTA = command(0x800007);
const Q_SETQUOTA = command(0x800008);
const DQBLK_BYTES = 72;
const VALID_OFFSET = 64;
const QIF_LIMITS = 1 | 4;
const BLOCK = 1024n;

export interface ProjectUse {
  readonly limitBytes: number;
  readonly usedBytes: number;
  readonly filesLimit: number;
  readonly files: number;
}

/** Makes the folder, and what is created in it from now on, count for a project. */
export function setProject(folder: string, project: number): void {
  withFolder(folder, (fd) => {
    const attributes = Buffer.alloc(FSXATTR_BYTES);
    check(cLibrary().ioctlPointer(fd, FS_IOC_FSGETXATTR, attributes), 'ioctl(FS_IOC_FSGETXATTR)', folder);
    attributes.writeUInt32LE((attributes.readUInt32LE(0) | FS_XFLAG_PROJINHERIT) >>> 0, 0);
    attributes.writeUInt32LE(project, FSXATTR_PROJECT_OFFSET);
    check(cLibrary().ioctlPointer(fd, FS_IOC_FSSETXATTR, attributes), 'ioctl(FS_IOC_FSSETXATTR)', folder);
  });
}

/** The project that a folder counts for; 0 for none. */
export const projectOf = (folder: string): number =>
  withFolder(folder, (fd) => {
    const attributes = Buffer.alloc(FSXATTR_BYTES);
    check(cLibrary().ioctlPointer(fd, FS_IOC_FSGETXATTR, attributes), 'ioctl(FS_IOC_FSGETXATTR)', folder);
    return attributes.readUInt32LE(FSXATTR_PROJECT_OFFSET);
  });

/** Limits the project of this folder, hard. */
export function limitProject(folder: string, limits: { readonly bytes: number; readonly files: number }): void {
  withFolder(folder, (fd) => {
    const quota = Buffer.alloc(DQBLK_BYTES);
    quota.writeBigUInt64LE(BigInt(limits.bytes) / BLOCK, 0);
    quota.writeBigUInt64LE(BigInt(limits.files), 24);
    quota.writeUInt32LE(QIF_LIMITS, VALID_OFFSET);
    quotactl(fd, Q_SETQUOTA, projectOf(folder), quota, folder);
  });
}

/** What the project of this folder may use and uses. */
export const projectUse = (folder: string): ProjectUse =>
  withFolder(folder, (fd) => {
    const quota = Buffer.alloc(DQBLK_BYTES);
    quotactl(fd, Q_GETQUOTA, projectOf(folder), quota, folder);
    const value = (offset: number) => Number(quota.readBigUInt64LE(offset));
    return { limitBytes: value(0) * Number(BLOCK), usedBytes: value(16), filesLimit: value(24), files: value(40) };
  });

function quotactl(fd: number, what: number, project: number, quota: Buffer, subject: string): void {
  const words = ['int', fd, 'uint', what, 'uint', project, 'void *', quota];
  check(cLibrary().syscall(SYS_QUOTACTL_FD, ...words), 'quotactl_fd', subject);
}

function withFolder<T>(folder: string, act: (fd: number) => T): T {
  const fd = openSync(folder, 'r');
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}
