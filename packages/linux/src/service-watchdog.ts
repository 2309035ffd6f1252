import { closeSync } from 'node:fs';
import { check, cLibrary } from './syscalls.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
/** Signs of life in the time after which the service manager gives a process up. */
const SIGNS_PER_LIMIT = 4;

/** What a service manager that wants signs of life leaves in the environment (sd_watchdog_enabled(3)). */
export interface WatchdogEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

/**
 * Gives the service manager signs of life from this process's main thread until it is disposed of. A thread that stands
 * still gives none, and the process is ended and started anew. Undefined when nobody wants them of this process.
 */
export function startServiceWatchdog(env: WatchdogEnvironment): Disposable | undefined {
  const { NOTIFY_SOCKET: address, WATCHDOG_USEC: limit, WATCHDOG_PID: pid } = env;
  const limitMs = Number(limit ?? '0') / 1000;
  if (address === undefined || !(limitMs > 0) || (pid !== undefined && Number(pid) !== process.pid)) return undefined;
  const fd = connectTo(address);
  const sign = Buffer.from('WATCHDOG=1');
  // one that cannot be delivered is made good by the next
  const give = (): void => void cLibrary().write(fd, sign, sign.length);
  give();
  const timer = setInterval(give, limitMs / SIGNS_PER_LIMIT);
  timer.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}

/** A socket by which messages go to `address`; one that begins with `@` has no file. */
function connectTo(address: string): number {
  const fd = check(cLibrary().socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket', address);
  try {
    const bytes = unixAddress(address);
    check(cLibrary().connect(fd, bytes, bytes.length), 'connect', address);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** `struct sockaddr_un`, as long as its path is. */
export function unixAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(path.replace(/^@/, '\0'))]);
}
