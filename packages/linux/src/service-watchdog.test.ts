import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startServiceWatchdog, unixAddress } from './service-watchdog.ts';
import { check, cLibrary } from './syscalls.ts';

const AF_UNIX = 1;
const DATAGRAMS_WITHOUT_WAITING = 2 | 0o4000;

describe('signs of life for the service manager', () => {
  let folder = '';
  let fd = -1;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-watchdog-'));
  });
  afterEach(() => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
    rmSync(folder, { recursive: true });
  });

  /** Listens as a service manager does; what came since it was asked last. */
  function listen(address: string): () => readonly string[] {
    fd = check(cLibrary().socket(AF_UNIX, DATAGRAMS_WITHOUT_WAITING, 0), 'socket', address);
    const bytes = unixAddress(address);
    check(cLibrary().bind(fd, bytes, bytes.length), 'bind', address);
    return () => {
      const words: string[] = [];
      for (const buffer = Buffer.alloc(64); ; ) {
        const length = Number(cLibrary().read(fd, buffer, buffer.length));
        if (length <= 0) return words;
        words.push(buffer.toString('utf8', 0, length));
      }
    };
  }

  it.each([
    ['with a file', () => join(folder, 'notify')],
    ['without a file', () => `@${folder}`],
  ])('come again and again, at an address %s', async (_which, addressOf) => {
    const address = addressOf();
    const heard = listen(address);
    using _watchdog = startServiceWatchdog({ NOTIFY_SOCKET: address, WATCHDOG_USEC: '40000' });
    const all: string[] = [];
    await expect.poll(() => all.push(...heard()), { timeout: 30_000 }).toBeGreaterThan(3);
    expect(new Set(all)).toEqual(new Set(['WATCHDOG=1']));
  });

  it('are given to nobody who does not want them of this process', () => {
    const address = join(folder, 'nobody');
    expect(startServiceWatchdog({})).toBeUndefined();
    expect(startServiceWatchdog({ NOTIFY_SOCKET: address })).toBeUndefined();
    const limit = { NOTIFY_SOCKET: address, WATCHDOG_USEC: '40000' };
    expect(startServiceWatchdog({ ...limit, WATCHDOG_PID: '1' })).toBeUndefined();
    expect(() => startServiceWatchdog(limit)).toThrow('connect failed with ENOENT');
  });
});
