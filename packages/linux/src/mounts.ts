import { chownSync, closeSync, mkdirSync, readFileSync } from 'node:fs';
import { callAside } from './aside.ts';
import { mountPointsUnder, parseMountTable } from './mount-table.ts';
import {
  check,
  cLibrary,
  errno,
  errnoName,
  moveMount,
  openTreeClone,
  SystemCallError,
  setMountAttributes,
} from './syscalls.ts';
import { openMappedUserNamespace } from './user-namespace.ts';

const MS_NODEV = 4;
const MS_BIND = 4096;
const MS_PRIVATE = 1 << 18;
const MOUNT_ATTR_RDONLY = 0x1n;
const MOUNT_ATTR_NOSUID = 0x2n;
const MOUNT_ATTR_NODEV = 0x4n;
const MOUNT_ATTR_IDMAP = 0x100000n;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
/** Longest that a disk may take. */
export const MOUNT_TIMEOUT_MS = 30_000;
/** More mounts than this on one mount point are a loop somewhere, not a state to clean up. */
const STACKED_MOUNTS_LIMIT = 32;

export interface OverlayMount {
  /** Read-only tree below. */
  readonly lower: string;
  /** Where changes go. Its owner and mode are those of the root of the overlay. */
  readonly upper: string;
  /** Empty folder on the file system of `upper`, for the kernel's own use. */
  readonly work: string;
  readonly target: string;
}

/**
 * Mounts an overlay, private to this mount namespace, without devices. Programs with set-uid work in it: it is meant to
 * be the root of a machine. No effect when something is mounted at `target` already. A disk that hangs is given up.
 */
export async function mountOverlay(overlay: OverlayMount, timeoutMs = MOUNT_TIMEOUT_MS): Promise<void> {
  if (!isMountPoint(overlay.target)) {
    const options = overlayOptions(overlay);
    const subject = `overlay of ${overlay.lower} and ${overlay.upper} at ${overlay.target}`;
    const make = () => cLibrary().mountAside('overlay', overlay.target, 'overlay', MS_NODEV, options);
    await callAside({ syscall: 'mount', subject, timeoutMs, make });
  }
  makePrivate(overlay.target);
}

/** The `data` of mount(2) for an overlay; colons, commas and backslashes in paths are escaped as overlayfs wants it. */
export function overlayOptions({ lower, upper, work }: Omit<OverlayMount, 'target'>): string {
  const escaped = (path: string): string => path.replace(/[\\,:]/g, (character) => `\\${character}`);
  return `lowerdir=${escaped(lower)},upperdir=${escaped(upper)},workdir=${escaped(work)}`;
}

/** Makes the three folders of an overlay; the upper one, and so the overlay's root, belongs to `ownerId`. */
export function prepareOverlayFolders(folders: Omit<OverlayMount, 'lower'>, ownerId: number): void {
  for (const folder of [folders.upper, folders.work, folders.target]) mkdirSync(folder, { recursive: true });
  chownSync(folders.upper, ownerId, ownerId);
}

export interface IdMappedMount {
  readonly source: string;
  readonly target: string;
  /** What belongs to id 0 in `source` belongs to `idBase` in `target`, and so on for `idCount` ids. */
  readonly idBase: number;
  readonly idCount: number;
}

/**
 * Shows the tree `source` at `target`, read-only and with other owners, without copying (idmapped mount, Linux ≥ 5.12).
 * Mounts below `source` are not shown. No effect when something is mounted at `target` already.
 */
export async function bindMountIdMapped({ source, target, idBase, idCount }: IdMappedMount): Promise<void> {
  if (isMountPoint(target)) return;
  const userNamespaceFd = await openMappedUserNamespace({ idBase, idCount });
  try {
    const treeFd = openTreeClone(source);
    try {
      const set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
      setMountAttributes(treeFd, { set, propagation: BigInt(MS_PRIVATE), userNamespaceFd }, source);
      moveMount(treeFd, target);
    } finally {
      closeSync(treeFd);
    }
  } finally {
    closeSync(userNamespaceFd);
  }
}

/**
 * Makes sure that `path` is a mount point of its own whose mounts below reach no other mount namespace. Under systemd,
 * `/` is shared: without this, everything mounted here would be copied into the private namespaces of other services.
 */
export function ensurePrivateMountPoint(path: string): void {
  if (!isMountPoint(path)) check(cLibrary().mount(path, path, null, MS_BIND, null), 'mount', `${path} on itself`);
  makePrivate(path);
}

const makePrivate = (path: string): void => {
  check(cLibrary().mount(null, path, null, MS_PRIVATE, null), 'mount', `${path} as private`);
};

/**
 * Unmounts everything that is mounted directly at `target`. No effect when nothing is, or when there is no such path.
 * What is busy is detached: it is gone from the tree now, and freed with its last user.
 */
export function unmount(target: string): void {
  for (let count = 0; count < STACKED_MOUNTS_LIMIT; count++) {
    if (cLibrary().umount2(target, UMOUNT_NOFOLLOW) === 0) continue;
    const reason = errno();
    const name = errnoName(reason);
    if (name === 'EINVAL' || name === 'ENOENT' || name === 'ENOTDIR') return;
    if (name !== 'EBUSY') throw new SystemCallError('umount2', reason, target);
    check(cLibrary().umount2(target, UMOUNT_NOFOLLOW | MNT_DETACH), 'umount2', target);
  }
  throw new Error(`${target} is still a mount point after ${STACKED_MOUNTS_LIMIT} mounts were removed from it`);
}

/** The same without waiting on this thread for what is still to be written to the disk; given up after a time. */
export async function unmountAside(target: string, timeoutMs = MOUNT_TIMEOUT_MS): Promise<void> {
  if (!isMountPoint(target)) return;
  const make = () => cLibrary().umount2Aside(target, UMOUNT_NOFOLLOW);
  try {
    await callAside({ syscall: 'umount2', subject: target, timeoutMs, make });
  } catch (error) {
    if (!(error instanceof SystemCallError) || error.code !== 'EBUSY') throw error;
  }
  unmount(target); // what is busy, or lies below what is unmounted now
}

/** Mount points at or below `path` in this mount namespace, deepest last. */
export const mountsUnder = (path: string): readonly string[] =>
  mountPointsUnder(parseMountTable(readFileSync('/proc/thread-self/mountinfo', 'utf8')), path);

/** Unmounts everything at and below `path`, deepest first. */
export function unmountUnder(path: string): void {
  for (const point of mountsUnder(path).toReversed()) unmount(point);
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STATX_BYTES = 256;
const STATX_ATTRIBUTES_OFFSET = 8;
const STATX_ATTR_MOUNT_ROOT = 0x2000n;

/** Whether something is mounted exactly at `path`; false when there is no such path. */
export function isMountPoint(path: string): boolean {
  const buffer = new Uint8Array(STATX_BYTES);
  if (cLibrary().statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, buffer) !== 0) {
    const reason = errno();
    if (errnoName(reason) === 'ENOENT' || errnoName(reason) === 'ENOTDIR') return false;
    throw new SystemCallError('statx', reason, path);
  }
  return (new DataView(buffer.buffer).getBigUint64(STATX_ATTRIBUTES_OFFSET, true) & STATX_ATTR_MOUNT_ROOT) !== 0n;
}
