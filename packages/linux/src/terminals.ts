import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { isErrno } from './processes.ts';
import { check, cLibrary, copyDescriptorOf } from './syscalls.ts';

const TIOCSWINSZ = 0x5414;

/**
 * Sets the size of every terminal that process `pid` provides to others (of which it holds the controlling end, as
 * terminal emulators and container runtimes do). Programs on them get SIGWINCH.
 */
export function resizeTerminalsOf(pid: number, size: { readonly rows: number; readonly columns: number }): void {
  const windowSize = new Uint8Array(new Uint16Array([size.rows, size.columns, 0, 0]).buffer);
  for (const fd of controllingEnds(pid)) {
    const copy = copyDescriptorOf(pid, fd);
    try {
      check(cLibrary().ioctlPointer(copy, TIOCSWINSZ, windowSize), 'ioctl(TIOCSWINSZ)', `a terminal of process ${pid}`);
    } finally {
      closeSync(copy);
    }
  }
}

/** More than the 60 bytes that the C library's `struct termios` has on any architecture. */
const TERMIOS_BYTES = 128;
const TCSANOW = 0;

/** Makes a terminal pass on every byte as it is, in both directions, without echo. */
export function makeTerminalRaw(fd: number): void {
  const termios = new Uint8Array(TERMIOS_BYTES);
  check(cLibrary().tcgetattr(fd, termios), 'tcgetattr', `descriptor ${fd}`);
  cLibrary().cfmakeraw(termios);
  check(cLibrary().tcsetattr(fd, TCSANOW, termios), 'tcsetattr', `descriptor ${fd}`);
}

/** Descriptors of controlling ends; none when the process has ended. */
function controllingEnds(pid: number): readonly number[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder)
      .map(Number)
      .filter((fd) => readlinkSync(`${folder}/${fd}`).endsWith('/ptmx'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}
