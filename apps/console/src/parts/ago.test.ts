import { before, NOW_MS } from '@planetlab/contract/testing';
import { describe, expect, it } from 'vitest';
import { ago, coarseDuration, expiresIn } from './ago.ts';

describe('times in words', () => {
  it('are coarser the longer ago it was', () => {
    const words = [4_000, 40_000, 300_000, 7_200_000, 90_000_000, 400_000_000].map((ms) => ago(before(ms), NOW_MS));
    expect(words).toEqual(['just now', '40 s ago', '5 min ago', '2 h ago', '25 h ago', '4 d ago']);
  });

  it('put nothing into the future when clocks differ', () => {
    expect(ago(before(-30_000), NOW_MS)).toBe('just now');
  });

  it('tell the end of a slice before and after it', () => {
    expect(expiresIn(before(-3_600_000), NOW_MS)).toBe('in 1 h');
    expect(expiresIn(before(3_600_000), NOW_MS)).toBe('expired 1 h ago');
    expect(coarseDuration(-1000)).toBe('-1 s');
  });
});
