import { describe, expect, it } from 'vitest';
import { goesFirst, usedPart } from './first-rule.ts';

describe('who goes first on the processors', () => {
  it('keeps to its reservation', () => {
    expect(usedPart(50, 250, 500)).toBe(0.4);
    expect(goesFirst(false, usedPart(50, 250, 500))).toBe(true);
    expect(goesFirst(true, usedPart(125, 250, 500))).toBe(false);
  });

  it('stays what it is when it uses nearly all of it', () => {
    for (const part of [0.7, 0.8, 0.89])
      expect([true, false].map((first) => goesFirst(first, part))).toEqual([true, false]);
  });
});
