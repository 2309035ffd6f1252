import { check, cLibrary } from './syscalls.ts';

const O_CLOEXEC = 0o2000000;

export interface Pipe {
  readonly readFd: number;
  readonly writeFd: number;
}

/**
 * A pipe whose two descriptors the caller closes. What `spawn` calls a pipe is a pair of sockets, and those cannot be
 * opened again by name: a script that writes to /dev/stderr fails with them.
 */
export function createPipe(): Pipe {
  const ends = new Int32Array(2);
  check(cLibrary().pipe2(ends, O_CLOEXEC), 'pipe2', 'a new pipe');
  const [readFd = -1, writeFd = -1] = ends;
  return { readFd, writeFd };
}
