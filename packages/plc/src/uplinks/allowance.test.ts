import { expect, it } from 'vitest';
import { Allowance } from './allowance.ts';

it('gives what may come at once, then what comes back with time, and never more', () => {
  let nowMs = 0;
  const allowance = new Allowance({ atOnce: 10, perSecond: 2 }, () => nowMs);
  expect(allowance.take(10)).toBe(true);
  expect(allowance.take(1)).toBe(false); // 1 is owed
  nowMs = 1500;
  expect(allowance.take(2)).toBe(true);
  expect(allowance.take(1)).toBe(false);
  nowMs = 3_600_000;
  expect(allowance.take(11)).toBe(false);
});

it('does not give more when the clock goes back', () => {
  let nowMs = 10_000;
  const allowance = new Allowance({ atOnce: 2, perSecond: 2 }, () => nowMs);
  expect(allowance.take(2)).toBe(true);
  nowMs = 0;
  expect(allowance.take(1)).toBe(false);
});
