import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { callAside } from './aside.ts';
import type { CommandRunner } from './command.ts';
import { parseMountTable } from './mount-table.ts';
import { isMountPoint, MOUNT_TIMEOUT_MS, unmount } from './mounts.ts';
import { isErrno } from './processes.ts';
import { check, cLibrary, SystemCallError } from './syscalls.ts';

/**
 * A volume with a hard bound of bytes and files on any file system: a sparse file with an ext4 in it, mounted through a
 * loop device. The device detaches itself with its last user, so that none is ever left behind.
 */

const MIB = 1024 * 1024;
/** Below this, a journal would take a good part of the volume. */
const JOURNAL_FROM_MIB = 64;
const JOURNAL_MIB = 4;
const BYTES_PER_FILE = 8192;

/** Makes the files of volumes. */
export interface VolumeImages {
  /** Makes the file, empty: some 200 KiB on disk, whatever its size. No effect when it is there; half of one never is. */
  make(path: string, sizeMiB: number): Promise<void>;
}

/** What of an empty volume of one size is not zero. */
type Template = readonly { readonly offset: number; readonly bytes: Uint8Array }[];

const TEMPLATES_KEPT = 32;

/** Empty volumes of one size are all alike: the program that makes them is run once for each size. */
export function createVolumeImages(runner: CommandRunner): VolumeImages {
  const templates = new Map<number, Promise<Template>>();
  const templateOf = (sizeMiB: number, scratch: string): Promise<Template> => {
    const known = templates.get(sizeMiB);
    if (known !== undefined) return known;
    if (templates.size >= TEMPLATES_KEPT) templates.clear();
    const made = makeTemplate(sizeMiB, scratch, runner);
    templates.set(sizeMiB, made);
    made.catch(() => templates.delete(sizeMiB));
    return made;
  };
  return {
    async make(path, sizeMiB) {
      if (imageSizeMiB(path) !== undefined) return;
      const template = await templateOf(sizeMiB, `${path}.empty`);
      const half = `${path}.new`;
      const fd = openSync(half, 'w', 0o600);
      try {
        ftruncateSync(fd, sizeMiB * MIB);
        for (const { offset, bytes } of template) writeSync(fd, bytes, 0, bytes.length, offset);
      } finally {
        closeSync(fd);
      }
      renameSync(half, path);
    },
  };
}

async function makeTemplate(sizeMiB: number, path: string, runner: CommandRunner): Promise<Template> {
  writeFileSync(path, '', { mode: 0o600 });
  truncateSync(path, sizeMiB * MIB);
  const journal = sizeMiB >= JOURNAL_FROM_MIB;
  try {
    await runner.run({
      argv: [
        ...(['mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', '-m', '0', '-i', String(BYTES_PER_FILE)] as const),
        ...['-O', journal ? '^resize_inode' : '^resize_inode,^has_journal'],
        ...(journal ? ['-J', `size=${JOURNAL_MIB}`] : []),
        // the file is new and reads as zeros: nothing has to be cleared, now or later
        ...['-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard', path],
      ],
    });
    return readTemplate(path);
  } finally {
    rmSync(path, { force: true });
  }
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** The parts of a sparse file that are there. */
function readTemplate(path: string): Template {
  const parts: { offset: number; bytes: Uint8Array }[] = [];
  const fd = openSync(path, 'r');
  try {
    for (let end = 0; ; ) {
      const offset = Number(cLibrary().lseek(fd, end, SEEK_DATA));
      if (offset < 0) return parts; // no data after this
      end = check(cLibrary().lseek(fd, offset, SEEK_HOLE), 'lseek', path);
      const bytes = new Uint8Array(end - offset);
      readSync(fd, bytes, 0, bytes.length, offset);
      parts.push({ offset, bytes });
    }
  } finally {
    closeSync(fd);
  }
}

/** Bound of a volume; undefined when there is none. */
export function imageSizeMiB(path: string): number | undefined {
  try {
    return statSync(path).size / MIB;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

const MS_NODEV = 4;
const MS_NOATIME = 1024;

/** Mounts a volume. What is deleted in it is given back to the host. No effect when something is mounted at `target`. */
export async function mountVolumeImage(path: string, target: string, timeoutMs = MOUNT_TIMEOUT_MS): Promise<void> {
  mkdirSync(target, { recursive: true });
  if (isMountPoint(target)) return;
  const device = attachLoop(path);
  try {
    // tables that were never used are not cleared in the background: it would fill the file
    const options = 'discard,noinit_itable';
    const make = () => cLibrary().mountAside(device.path, target, 'ext4', MS_NODEV | MS_NOATIME, options);
    await callAside({ syscall: 'mount', subject: `${path} at ${target}`, timeoutMs, make });
  } finally {
    closeSync(device.fd); // from now on the mount alone holds the device
  }
}

const CAP_SYS_RESOURCE = 24n;

/** Whether this process may let a mounted volume grow: it takes CAP_SYS_RESOURCE. */
export const mayGrowVolumes = (status = readFileSync('/proc/self/status', 'utf8')): boolean =>
  ((BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;

/** Lets a mounted volume take more. No effect when it takes that much. */
export async function growVolumeImage(
  path: string,
  sizeMiB: number,
  target: string,
  runner: CommandRunner,
): Promise<void> {
  const device = mountedDevice(target);
  if (device === undefined) throw new Error(`no volume is mounted at ${target}`);
  if ((imageSizeMiB(path) ?? 0) < sizeMiB) truncateSync(path, sizeMiB * MIB);
  const fd = openSync(device, 'r+');
  try {
    check(cLibrary().ioctlPointer(fd, LOOP_SET_CAPACITY, new Uint8Array(8)), 'ioctl(LOOP_SET_CAPACITY)', device);
  } finally {
    closeSync(fd);
  }
  await runner.run({ argv: ['resize2fs', device] });
}

const mountedDevice = (target: string): string | undefined =>
  parseMountTable(readFileSync('/proc/thread-self/mountinfo', 'utf8')).findLast((entry) => entry.mountPoint === target)
    ?.source;

const LOOP_SET_CAPACITY = 0x4c07;
const LOOP_CONFIGURE = 0x4c0a;
const LOOP_CTL_GET_FREE = 0x4c82;
const LO_FLAGS_AUTOCLEAR = 4;
/** Where the host's file system cannot, the kernel leaves it out by itself. */
const LO_FLAGS_DIRECT_IO = 16;
const LOOP_CONFIG_BYTES = 304;
/** The file system's own; the host's disk may not take smaller ones directly. */
const LOOP_BLOCK_BYTES = 4096;
const LOOP_CONFIG_BLOCK_OFFSET = 4;
const LOOP_CONFIG_FLAGS_OFFSET = 60;
/** Others take loop devices too: what was free may be taken by the time it is opened. */
const ATTEMPTS = 100;

/** A loop device on the file; it is detached when the last descriptor and the last mount of it are gone. */
function attachLoop(path: string): { readonly path: string; readonly fd: number } {
  const control = openSync('/dev/loop-control', 'r+');
  const file = openSync(path, 'r+');
  try {
    for (let attempt = 1; ; attempt++) {
      const number = check(
        cLibrary().ioctlPointer(control, LOOP_CTL_GET_FREE, new Uint8Array(8)),
        'ioctl(LOOP_CTL_GET_FREE)',
        path,
      );
      const device = `/dev/loop${number}`;
      const fd = openSync(device, 'r+');
      try {
        check(cLibrary().ioctlPointer(fd, LOOP_CONFIGURE, loopConfig(file)), 'ioctl(LOOP_CONFIGURE)', device);
        return { path: device, fd };
      } catch (error) {
        closeSync(fd);
        if (!(error instanceof SystemCallError) || error.code !== 'EBUSY' || attempt === ATTEMPTS) throw error;
      }
    }
  } finally {
    closeSync(file);
    closeSync(control);
  }
}

/**
 * `struct loop_config`: the file, that the device goes with its last user, and that what is written goes past the host's
 * page cache: the sliver's own file system has it in memory already, and counts it as the sliver's.
 */
function loopConfig(file: number): Uint8Array {
  const config = Buffer.alloc(LOOP_CONFIG_BYTES);
  config.writeUInt32LE(file, 0);
  config.writeUInt32LE(LOOP_BLOCK_BYTES, LOOP_CONFIG_BLOCK_OFFSET);
  config.writeUInt32LE(LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO, LOOP_CONFIG_FLAGS_OFFSET);
  return config;
}

/** Tries such a volume for real; throws when this host cannot have them. Nothing of it stays. */
export async function tryVolumeImage(runner: CommandRunner): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), `planetlab-probe-${process.pid}-`));
  const [image, target] = [join(folder, 'image'), join(folder, 'mounted')];
  try {
    await createVolumeImages(runner).make(image, JOURNAL_FROM_MIB);
    await mountVolumeImage(image, target);
    writeFileSync(join(target, 'written'), 'x');
  } finally {
    unmount(target);
    rmSync(folder, { recursive: true, force: true });
  }
}
