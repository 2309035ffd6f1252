import { describe, expect, it } from 'vitest';
import { addAddress, addDefaultRoute, addHostRoute, addressBytes, addVeth } from './link-requests.ts';
import { encode, linkNumber } from './netlink.ts';

describe('requests to the kernel', () => {
  it('have a length, a type, a number and ask for an answer', () => {
    const message = encode(addHostRoute(7, '10.1.0.2'), 5);
    expect(message.readUInt32LE(0)).toBe(message.length);
    expect([message.readUInt16LE(4), message.readUInt16LE(6), message.readUInt32LE(8)]).toEqual([24, 0x605, 5]);
  });

  it('give a veth both its names and the process that gets the other end', () => {
    const text = addVeth('pl0', 'eth0', 42).payload.toString('latin1');
    for (const part of ['pl0\0', 'veth\0', 'eth0\0', '\x2a\0\0\0']) expect(text).toContain(part);
  });

  it('are padded to four bytes', () => {
    for (const { payload } of [addVeth('p', 'e', 1), addAddress(1, '10.0.0.1', 32), addDefaultRoute(1, 'fe80::1')]) {
      expect(payload.length % 4).toBe(0);
    }
  });

  it.each([
    ['169.254.1.1', 'a9fe0101'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['fe80::1', `fe80${'00'.repeat(13)}01`],
    ['2001:db8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['fd00:db8:0:a::3e8', 'fd000db80000000a00000000000003e8'],
    ['::ffff:10.0.0.1', `${'00'.repeat(10)}ffff0a000001`],
  ])('write the address %s as %s', (address, hex) => {
    expect(addressBytes(address).toString('hex')).toBe(hex);
  });
});

describe('a link', () => {
  it('has a number in the kernel, or is not there', () => {
    expect(linkNumber('lo')).toBe(1);
    expect(linkNumber('nosuchlink')).toBeUndefined();
  });
});
