import { closeSync, fstatSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { check, cLibrary } from './syscalls.ts';

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_ADD_SEALS = 1033;
/** Nothing about it may change: neither its seals, nor its size, nor its content. */
const ALL_SEALS = 0b1111;

/** A file that is in memory only, until its last descriptor is closed. `name` is for people who look. */
export const createMemoryFile = (name: string): number =>
  check(cLibrary().memfd_create(`planetlab ${name}`, MFD_CLOEXEC), 'memfd_create', name);

const READ_LIMIT_BYTES = 16 * 1024 * 1024;

/** What is written in it, up to a limit. */
export function beginningOf(fd: number): string {
  const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, READ_LIMIT_BYTES));
  return buffer.toString('utf8', 0, buffer.length === 0 ? 0 : readSync(fd, buffer, 0, buffer.length, 0));
}

/**
 * A copy of a program that nobody can change, for as long as this process has the descriptor. Runtimes of containers make
 * such a copy of themselves at every start, so that what runs inside cannot overwrite them, and start again from it;
 * what is sealed already they take as it is.
 */
export function sealedCopy(path: string): number {
  const fd = check(cLibrary().memfd_create('planetlab program', MFD_CLOEXEC | MFD_ALLOW_SEALING), 'memfd_create', path);
  try {
    writeFileSync(fd, readFileSync(path));
    check(cLibrary().fcntl(fd, F_ADD_SEALS, ALL_SEALS), 'fcntl(F_ADD_SEALS)', path);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
