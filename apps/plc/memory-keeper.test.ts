import { expect, it } from 'vitest';
import { isQuiet, isWorthIt, type MemoryLook, startMemoryKeeper, thisMemory } from './memory-keeper.ts';

const atFirst: MemoryLook = { atMs: 0, busyMs: 0, residentMiB: 900, requests: 0 };
const later = (busyMs: number, residentMiB = 900, requests = 5): MemoryLook => ({
  ...{ atMs: 10_000, busyMs, residentMiB, requests },
});

it('is quiet when it does little and is not asked', () => {
  expect(isQuiet(atFirst, later(9_000)), 'busy').toBe(false);
  expect(isQuiet(atFirst, later(1_300)), 'quiet').toBe(true);
  expect(isQuiet(atFirst, later(1_300, 900, 50)), 'asked, though by little work').toBe(false);
});

it('leaves alone what little there is, and what was left, until there is more', () => {
  expect(isWorthIt(later(100, 200), 0)).toBe(false);
  expect(isWorthIt(later(100, 900), 0)).toBe(true);
  expect(isWorthIt(later(100, 920), 880)).toBe(false);
  expect(isWorthIt(later(100, 950), 880)).toBe(true);
});

it('collects, lets that settle and releases, for as long as that gives something back', async () => {
  const done: string[] = [];
  let looks = 0;
  const resident = [900, 500, 480];
  await using _keeper = startMemoryKeeper({
    look: () => ({ atMs: 1000 * ++looks, busyMs: 0, residentMiB: resident[done.length / 2] ?? 480, requests: 0 }),
    collect: () => done.push('collect'),
    release: () => done.push('release'),
    lookEveryMs: 1,
    settleMs: 1,
  });
  await expect.poll(() => looks, { timeout: 30_000 }).toBeGreaterThan(20);
  expect(done).toEqual(['collect', 'release', 'collect', 'release']);
});

it('collects once more after work, for what was needed meanwhile', async () => {
  let looks = 0;
  let collected = 0;
  let busyMs = 0;
  await using _keeper = startMemoryKeeper({
    look() {
      if (++looks > 20 && looks < 40) busyMs += 900;
      return { atMs: 1000 * looks, busyMs, residentMiB: 900, requests: 0 };
    },
    collect: () => collected++,
    release: () => {},
    lookEveryMs: 1,
    settleMs: 1,
  });
  await expect.poll(() => looks, { timeout: 30_000 }).toBeGreaterThan(80);
  expect(collected).toBe(2); // once before it and once after
});

it('can do so in this process', async () => {
  const { look, collect, release } = await thisMemory(() => 0);
  collect();
  release();
  expect(look().residentMiB).toBeGreaterThan(10);
});
