import { describe, expect, it } from 'vitest';
import { deletionOf, parseCounterSet } from './nftables.ts';

describe('a set that counts', () => {
  it('says how many packets each element has met', () => {
    const text = `elements = { 0x00000002 counter packets 7 bytes 420, 0x0000002a counter packets 0 bytes 0 }`;
    expect([...parseCounterSet(text)]).toEqual([
      [2, 7],
      [42, 0],
    ]);
  });
});

describe('removing a table', () => {
  it('adds it first, so that one which is not there is no failure', () => {
    expect(deletionOf('inet', 'planetlab')).toBe('table inet planetlab {}\ndelete table inet planetlab\n');
  });

  it('refuses a name that would be more than one', () => {
    expect(() => deletionOf('inet', 'a; flush ruleset')).toThrow(RangeError);
  });
});
