import { describe, expect, it } from 'vitest';
import { deletionOf } from './nftables.ts';

describe('removing a table', () => {
  it('adds it first, so that one which is not there is no failure', () => {
    expect(deletionOf('inet', 'planetlab')).toBe('table inet planetlab {}\ndelete table inet planetlab\n');
  });

  it('refuses a name that would be more than one', () => {
    expect(() => deletionOf('inet', 'a; flush ruleset')).toThrow(RangeError);
  });
});
