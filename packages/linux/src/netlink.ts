import { closeSync, read, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { check, cLibrary, errno, errnoName, SystemCallError } from './syscalls.ts';

/**
 * The kernel's own interface for links, addresses and routes (rtnetlink(7)) and tracked flows, as far as machines need
 * it. In place of a program: starting one takes several times as long as what it then does.
 */

const AF_INET = 2;
const AF_NETLINK = 16;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** Protocols of the kernel: links, addresses and routes; what netfilter keeps. */
const PROTOCOLS = { route: 0, netfilter: 12 } as const;
const HEADER_BYTES = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLM_F_DUMP = 0x300;
/** More than any answer here has: the kernel repeats the request in it. */
const ANSWER_BYTES = 8192;
/** More than the kernel puts of a list into one answer. */
const LIST_BYTES = 65_536;
const SIOCGIFINDEX = 0x8933;
const IFREQ_BYTES = 40;
const INDEX_OFFSET = 16;

/** One request: its type, how it is meant, and what follows the common header. */
export interface NetlinkRequest {
  readonly type: number;
  readonly create?: boolean;
  /** It asks for all there is, and changes nothing. */
  readonly list?: boolean;
  readonly payload: Buffer;
  /** What it is about, for the message of a failure. */
  readonly subject: string;
}

/** A socket in the network namespace of the calling thread, which it keeps whoever uses it later. */
export function openNetlink(protocol: keyof typeof PROTOCOLS = 'route'): NetlinkSocket {
  const type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  return new NetlinkSocket(check(cLibrary().socket(AF_NETLINK, type, PROTOCOLS[protocol]), 'socket', 'netlink'));
}

const writeAll = promisify(write);
const readSome = promisify(read);

export class NetlinkSocket implements Disposable {
  readonly #fd: number;
  #sequence = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Sends requests together; the kernel carries them out in order. Throws SystemCallError for the first that failed; the
   * others are carried out all the same. Off the main thread: the kernel may make a caller wait for others' changes.
   */
  async send(requests: readonly NetlinkRequest[]): Promise<void> {
    const messages = requests.map((request) => encode(request, ++this.#sequence));
    await writeAll(this.#fd, Buffer.concat(messages));
    const answer = Buffer.alloc(ANSWER_BYTES); // all answers are there: the kernel has worked during the write
    let failure: SystemCallError | undefined;
    for (const { subject } of requests) {
      const code = errorIn(answer.subarray(0, readSync(this.#fd, answer)));
      if (code !== 0) failure ??= new SystemCallError('rtnetlink', code, subject);
    }
    if (failure !== undefined) throw failure;
  }

  /** How long the list is that a request asks for. Off the main thread: the kernel goes through its tables meanwhile. */
  async count(request: NetlinkRequest): Promise<number> {
    await writeAll(this.#fd, encode({ ...request, list: true }, ++this.#sequence));
    const buffer = Buffer.alloc(LIST_BYTES);
    for (let count = 0; ; ) {
      const { bytesRead } = await readSome(this.#fd, buffer, 0, buffer.length, null);
      const types = messageTypes(buffer.subarray(0, bytesRead));
      if (types.length === 0) throw new Error('the kernel ended a list without saying so');
      if (types.includes(NLMSG_ERROR)) throw new SystemCallError('netlink', errorIn(buffer), request.subject);
      count += types.filter((type) => type !== NLMSG_DONE).length;
      if (types.includes(NLMSG_DONE)) return count;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** The types of the messages in an answer. */
export function messageTypes(answer: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at + HEADER_BYTES <= answer.length; ) {
    types.push(answer.readUInt16LE(at + 4));
    at += Math.max(HEADER_BYTES, Math.ceil(answer.readUInt32LE(at) / 4) * 4);
  }
  return types;
}

export function encode({ type, create = false, list = false, payload }: NetlinkRequest, sequence: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  header.writeUInt16LE(type, 4);
  const meant = list ? NLM_F_DUMP : NLM_F_ACK | (create ? NLM_F_CREATE | NLM_F_EXCL : 0);
  header.writeUInt16LE(NLM_F_REQUEST | meant, 6);
  header.writeUInt32LE(sequence, 8);
  return Buffer.concat([header, payload]);
}

/** The error number in an answer; 0 says that the request was carried out. */
function errorIn(answer: Buffer): number {
  if (answer.length < HEADER_BYTES + 4 || answer.readUInt16LE(4) !== NLMSG_ERROR) {
    throw new Error('the kernel gave an answer that was not asked for');
  }
  return -answer.readInt32LE(HEADER_BYTES);
}

/** An attribute: length, type, value, and padding to 4 bytes. */
export function attribute(type: number, ...values: readonly Buffer[]): Buffer {
  const length = values.reduce((sum, value) => sum + value.length, 4);
  const padded = Buffer.alloc(Math.ceil(length / 4) * 4);
  padded.writeUInt16LE(length, 0);
  padded.writeUInt16LE(type, 2);
  let offset = 4;
  for (const value of values) offset += value.copy(padded, offset);
  return padded;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Text with the end mark that the kernel wants. */
export const terminated = (text: string): Buffer => Buffer.from(`${text}\0`);

/** The kernel's number of a link in the network namespace of the calling thread, or undefined when there is none. */
export function linkNumber(name: string): number | undefined {
  const fd = check(cLibrary().socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), 'socket', name);
  try {
    const request = Buffer.alloc(IFREQ_BYTES);
    request.write(name, 0, 15);
    if (cLibrary().ioctlPointer(fd, SIOCGIFINDEX, request) === 0) return request.readInt32LE(INDEX_OFFSET);
    const reason = errno();
    if (errnoName(reason) === 'ENODEV') return undefined;
    throw new SystemCallError('ioctl', reason, name);
  } finally {
    closeSync(fd);
  }
}
