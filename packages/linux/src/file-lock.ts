import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { isErrno } from './processes.ts';
import { check, cLibrary, errno, errnoName, SystemCallError } from './syscalls.ts';

const F_OFD_GETLK = 36;
const F_OFD_SETLK = 37;
const F_WRLCK = 1n;
const F_UNLCK = 2;

/**
 * Locks a file, which is made if there is none: undefined when it is locked already. The kernel unlocks it when this is
 * disposed of or the process has ended, however it ends; so there is no lock of a process that is gone. The file stays,
 * and nothing is ever written to it.
 */
export function tryLockFile(path: string): Disposable | undefined {
  for (;;) {
    const fd = openToLock(path);
    try {
      const taken = tryLock(fd, path);
      if (taken && fstatSync(fd).nlink > 0) return { [Symbol.dispose]: () => closeSync(fd) };
      closeSync(fd);
      if (!taken) return undefined; // else the file was removed meanwhile, and is not the one that others will look at
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }
}

/** Which process has locked the file; undefined when none has, or there is no such file. */
export function fileLockOwner(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const lock = lockOf(0); // to the end of the file, wherever that is
    check(cLibrary().fcntlPointer(fd, F_OFD_GETLK, lock), 'fcntl(F_OFD_GETLK)', path);
    const view = new DataView(lock.buffer);
    return view.getInt16(0, true) === F_UNLCK ? undefined : Number(view.getBigInt64(16, true));
  } finally {
    closeSync(fd);
  }
}

/** One that is there is opened without `O_CREAT`, which would wait for a file system that stands still. */
function openToLock(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }
}

function tryLock(fd: number, path: string): boolean {
  if (cLibrary().fcntlPointer(fd, F_OFD_SETLK, lockOf(process.pid)) >= 0) return true;
  const reason = errno();
  if (['EAGAIN', 'EACCES'].includes(errnoName(reason))) return false;
  throw new SystemCallError('fcntl(F_OFD_SETLK)', reason, path);
}

/**
 * `struct flock` from the first byte on. As many bytes are locked as the owner's pid says, which need not be there: by
 * that the kernel tells who the owner is, in the same moment as that there is one.
 */
const lockOf = (bytes: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(new BigInt64Array([F_WRLCK, 0n, BigInt(bytes), 0n]).buffer);
