import { closeSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPipe } from './pipes.ts';
import { createPollSet, isReadable, pollReadable, readPacket, tunRequest } from './tun.ts';

describe('asking for a TUN link', () => {
  it('names the link and wants bare packets', () => {
    const request = Buffer.from(tunRequest('wan0'));
    expect(request.subarray(0, 16).toString('latin1').replaceAll('\0', '')).toBe('wan0');
    expect(request.readUInt16LE(16)).toBe(0x1001);
  });

  it('refuses a name that the kernel would cut', () => {
    expect(() => tunRequest('')).toThrow(RangeError);
    expect(() => tunRequest('sixteen-letters-')).toThrow(RangeError);
  });
});

describe('waiting for descriptors', () => {
  it('tells which of them can be read', () => {
    const [quiet, ready] = [createPipe(), createPipe()];
    const set = createPollSet([quiet.readFd, ready.readFd]);
    expect(pollReadable(set, 0)).toBe(0);
    writeSync(ready.writeFd, 'packet');
    expect(pollReadable(set, 1000)).toBe(1);
    expect([isReadable(set, 0), isReadable(set, 1)]).toEqual([false, true]);
    const buffer = new Uint8Array(100);
    expect(readPacket(ready.readFd, buffer)).toBe(6);
    expect(pollReadable(set, 0)).toBe(0);
    expect(isReadable(set, 1)).toBe(false);
    for (const fd of [quiet.readFd, quiet.writeFd, ready.readFd, ready.writeFd]) closeSync(fd);
  });

  it('says what is wrong with a descriptor that is none', () => {
    expect(() => readPacket(-1, new Uint8Array(10))).toThrow(/EBADF/);
  });
});
