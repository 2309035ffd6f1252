import { expect, it } from 'vitest';
import { encode, messageTypes } from './netlink.ts';

it('a list that the kernel gives is told apart into its messages, whatever their lengths', () => {
  const entry = (length: number) => encode({ type: 0x100, payload: Buffer.alloc(length), subject: 'a flow' }, 1);
  const padded = Buffer.concat([entry(5), Buffer.alloc(3)]);
  const end = encode({ type: 3, payload: Buffer.alloc(4), subject: 'the end' }, 1);
  expect(messageTypes(Buffer.concat([entry(200), padded, entry(8), end]))).toEqual([0x100, 0x100, 0x100, 3]);
  expect(messageTypes(Buffer.alloc(0))).toEqual([]);
});
