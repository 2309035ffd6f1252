import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Arrivals } from '../uplinks/arrivals.ts';
import { Turns } from './turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** So many who take turns, and what ends the turn of each that has one. */
function takers(count: number, arrivals = new Arrivals()) {
  const turns = new Turns({ arrivals });
  const ends: (() => void)[] = [];
  for (let index = 0; index < count; index++) void turns.take().then((end) => ends.push(end));
  return ends;
}

describe('turns to begin', () => {
  it('come at once while few nodes arrive, and only so many at a time', async () => {
    const ends = takers(60);
    await vi.advanceTimersByTimeAsync(0);
    expect(ends).toHaveLength(50);
    ends[0]?.();
    ends[0]?.(); // once more does not matter
    await vi.advanceTimersByTimeAsync(0);
    expect(ends).toHaveLength(51);
  });

  it('come when the rush of arrivals is over, or at the latest after five seconds', async () => {
    const arrivals = new Arrivals();
    const arrived = Array.from({ length: 100 }, () => arrivals.begin());
    const soon = takers(3, arrivals);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(soon).toHaveLength(0);
    for (const end of arrived) end();
    await vi.advanceTimersByTimeAsync(100);
    expect(soon).toHaveLength(3);

    for (let index = 0; index < 100; index++) arrivals.begin();
    const late = takers(3, arrivals);
    await vi.advanceTimersByTimeAsync(5_100);
    expect(late).toHaveLength(3);
  });

  it('end by themselves with a node that does not answer', async () => {
    const ends = takers(51);
    await vi.advanceTimersByTimeAsync(4_900);
    expect(ends).toHaveLength(50);
    await vi.advanceTimersByTimeAsync(200);
    expect(ends).toHaveLength(51);
  });
});

it('counts each arrival until it is over, once', () => {
  const arrivals = new Arrivals();
  const [first, second] = [arrivals.begin(), arrivals.begin()];
  first();
  first();
  expect(arrivals.underWay).toBe(1);
  second();
  expect(arrivals.underWay).toBe(0);
});
