import { closeSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { check, cLibrary, errno, errnoName, SystemCallError } from './syscalls.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const POLL_MS = 1;
/** `struct sockaddr_un`: two bytes of family and 108 of path. */
const ADDRESS_BYTES = 110;
/** A control message with one descriptor: its header of 16 bytes, and 4 bytes padded to 8. */
const CONTROL_BYTES = 24;
const CONTROL_HEADER_BYTES = 16;
/** Room for the name of the terminal, which comes along and is of no use. */
const DATA_BYTES = 256;

const F_DUPFD_CLOEXEC = 1030;

/** A second descriptor for the same open file; the caller closes it. */
export const duplicateDescriptor = (fd: number): number =>
  check(cLibrary().fcntl(fd, F_DUPFD_CLOEXEC, 0), 'fcntl(F_DUPFD_CLOEXEC)', `descriptor ${fd}`);

/** A Unix socket at which one other process hands over one descriptor, as container runtimes do with a terminal. */
export interface DescriptorListener extends Disposable {
  /**
   * Waits until a descriptor is handed over; the caller closes it. Undefined when `givenUp` is aborted before.
   * To be called once.
   */
  receive(givenUp: AbortSignal): Promise<number | undefined>;
}

/** Listens at `path`, which must not exist yet and is left behind. */
export function listenForDescriptor(path: string): DescriptorListener {
  const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const listening = check(cLibrary().socket(AF_UNIX, type, 0), 'socket', path);
  try {
    bindAt(listening, path);
    check(cLibrary().listen(listening, 1), 'listen', path);
  } catch (error) {
    closeSync(listening);
    throw error;
  }
  return {
    receive: (givenUp) => receiveAt(listening, path, givenUp),
    [Symbol.dispose]: () => closeSync(listening),
  };
}

/** Binds through the folder's descriptor: an address has room for only 108 bytes, a path may be longer. */
function bindAt(fd: number, path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    const address = Buffer.alloc(ADDRESS_BYTES);
    address.writeUInt16LE(AF_UNIX, 0);
    address.write(`/proc/self/fd/${folder}${path.slice(dirname(path).length)}`, 2, 'utf8');
    check(cLibrary().bind(fd, address, address.length), 'bind', path);
  } finally {
    closeSync(folder);
  }
}

async function receiveAt(listening: number, path: string, givenUp: AbortSignal): Promise<number | undefined> {
  const peer = await untilDone('accept', path, givenUp, () =>
    cLibrary().accept4(listening, null, null, SOCK_CLOEXEC | SOCK_NONBLOCK),
  );
  if (peer === undefined) return undefined;
  try {
    const control = new Uint8Array(CONTROL_BYTES);
    const iov = [{ base: new Uint8Array(DATA_BYTES), length: DATA_BYTES }];
    const parts = { iov, iovCount: 1, control, controlLength: CONTROL_BYTES };
    const message = { name: null, nameLength: 0, ...parts, flags: 0 } as const;
    const bytes = await untilDone('recvmsg', path, givenUp, () => cLibrary().recvmsg(peer, message, MSG_CMSG_CLOEXEC));
    return bytes === undefined ? undefined : descriptorIn(control);
  } finally {
    closeSync(peer);
  }
}

/** The descriptor in a control message (cmsg(3)); undefined when it carries none. */
export function descriptorIn(control: Uint8Array): number | undefined {
  const view = new DataView(control.buffer, control.byteOffset);
  const [level, type] = [view.getInt32(8, true), view.getInt32(12, true)];
  return level === SOL_SOCKET && type === SCM_RIGHTS ? view.getInt32(CONTROL_HEADER_BYTES, true) : undefined;
}

/** Tries a call that does not block until it gives something; one last time when it is given up. */
async function untilDone(
  syscall: string,
  subject: string,
  givenUp: AbortSignal,
  call: () => number,
): Promise<number | undefined> {
  for (;;) {
    const last = givenUp.aborted;
    const result = Number(call());
    if (result >= 0) return result;
    const reason = errno();
    if (errnoName(reason) !== 'EAGAIN' && errnoName(reason) !== 'EINTR')
      throw new SystemCallError(syscall, reason, subject);
    if (last) return undefined;
    await delay(POLL_MS);
  }
}
