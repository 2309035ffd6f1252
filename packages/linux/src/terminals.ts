import { check, cLibrary } from './syscalls.ts';

const TIOCSWINSZ = 0x5414;

export interface CharacterSize {
  readonly rows: number;
  readonly columns: number;
}

/** Sets the size of a terminal by either of its ends. Programs on it get SIGWINCH when it changes. */
export function setTerminalSize(fd: number, { rows, columns }: CharacterSize): void {
  const windowSize = new Uint8Array(new Uint16Array([rows, columns, 0, 0]).buffer);
  check(cLibrary().ioctlPointer(fd, TIOCSWINSZ, windowSize), 'ioctl(TIOCSWINSZ)', `descriptor ${fd}`);
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
