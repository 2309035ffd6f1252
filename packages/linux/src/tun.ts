import { closeSync, constants, openSync } from 'node:fs';
import { withNetworkNamespace } from './namespaces.ts';
import { check, cLibrary, errno, SystemCallError } from './syscalls.ts';

/**
 * TUN devices: network links whose other end is this process. Made for a tight synchronous loop: nothing here allocates
 * per packet, and a call that finds nothing to do says so by its result, not by an exception.
 */
export interface TunOptions {
  /** Name of the link, at most 15 characters. */
  readonly name: string;
  /** Network namespace to make it in, such as `/run/netns/a`; the caller's own by default. */
  readonly namespacePath?: string;
}

const IFNAMSIZ = 16;
const IFREQ_BYTES = 40;
const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;

/** Opens (and so makes) a TUN link; returns a non-blocking descriptor. The link disappears when it is closed. */
export function openTun(options: TunOptions): number {
  const request = tunRequest(options.name);
  const open = () => {
    const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    try {
      check(cLibrary().ioctlPointer(fd, TUNSETIFF, request), 'ioctl(TUNSETIFF)', options.name);
      return fd;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };
  return options.namespacePath === undefined ? open() : withNetworkNamespace(options.namespacePath, open);
}

/** The `struct ifreq` that asks for a TUN link of this name, without the four bytes of packet information. */
export function tunRequest(name: string): Uint8Array {
  if (name.length === 0 || name.length >= IFNAMSIZ) throw new RangeError(`a link name has 1 to 15 characters: ${name}`);
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name, 'latin1');
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI, IFNAMSIZ);
  return request;
}

const EAGAIN = 11;
const EINTR = 4;
const EIO = 5;
const ENOBUFS = 105;

/** Bytes of the next packet, put into `buffer`; 0 when there is none now. */
export function readPacket(fd: number, buffer: Uint8Array): number {
  const length = Number(cLibrary().read(fd, buffer, buffer.length));
  if (length >= 0) return length;
  const reason = errno();
  if (reason === EAGAIN || reason === EINTR) return 0;
  throw new SystemCallError('read', reason, `descriptor ${fd}`);
}

/** Sends the first `length` bytes as one packet; false when the kernel has no room or the link is down: it is lost then. */
export function writePacket(fd: number, buffer: Uint8Array, length: number): boolean {
  const written = Number(cLibrary().write(fd, buffer, length));
  if (written >= 0) return true;
  const reason = errno();
  if (reason === EAGAIN || reason === ENOBUFS || reason === EIO || reason === EINTR) return false;
  throw new SystemCallError('write', reason, `descriptor ${fd}`);
}

/** Descriptors to wait for, made once and used for every wait. */
export interface PollSet {
  readonly count: number;
  /** `struct pollfd` after `struct pollfd`. */
  readonly table: Uint8Array;
  readonly returned: Int16Array;
  /** `struct timespec` of the current wait, and its two numbers. */
  readonly timeout: Uint8Array;
  readonly timeoutWords: BigInt64Array;
}

const POLLFD_BYTES = 8;
const POLLIN = 1;

export function createPollSet(fds: ArrayLike<number>): PollSet {
  const buffer = new ArrayBuffer(Math.max(1, fds.length) * POLLFD_BYTES);
  const words = new Int32Array(buffer);
  const halves = new Int16Array(buffer);
  for (let index = 0; index < fds.length; index++) {
    words[index * 2] = fds[index] ?? -1;
    halves[index * 4 + 2] = POLLIN;
  }
  const timeoutWords = new BigInt64Array(2);
  const timeout = new Uint8Array(timeoutWords.buffer);
  return { count: fds.length, table: new Uint8Array(buffer), returned: halves, timeout, timeoutWords };
}

/**
 * Waits until one of them can be read or `timeoutMs` (fractions count) have passed; returns how many can (0 also when
 * interrupted).
 */
export function pollReadable(set: PollSet, timeoutMs: number): number {
  const nanoseconds = BigInt(Math.max(0, Math.round(timeoutMs * 1e6)));
  set.timeoutWords[0] = nanoseconds / 1_000_000_000n;
  set.timeoutWords[1] = nanoseconds % 1_000_000_000n;
  const ready = cLibrary().ppoll(set.table, set.count, set.timeout, null);
  if (ready >= 0) return ready;
  const reason = errno();
  if (reason === EINTR) return 0;
  throw new SystemCallError('ppoll', reason, `${set.count} descriptors`);
}

/** Whether the descriptor at `index` could be read (or had failed) at the last `pollReadable`. */
export const isReadable = (set: PollSet, index: number): boolean => set.returned[index * 4 + 3] !== 0;
