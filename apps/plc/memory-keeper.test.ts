import { expect, it } from 'vitest';
import { isTimeToGiveBack, type MemoryLook, startMemoryKeeper, thisMemory } from './memory-keeper.ts';

const atFirst: MemoryLook = { atMs: 0, busyMs: 0, residentMiB: 900, requests: 0 };
const later = (busyMs: number, residentMiB = 900, requests = 5): MemoryLook => ({
  ...{ atMs: 10_000, busyMs, residentMiB, requests },
});

it('gives back what a busy hour took once it is quiet, and not what little there is', () => {
  expect(isTimeToGiveBack(atFirst, later(9_000), 0), 'busy').toBe(false);
  expect(isTimeToGiveBack(atFirst, later(1_300), 0), 'quiet').toBe(true);
  expect(isTimeToGiveBack(atFirst, later(100, 200), 0), 'small').toBe(false);
  expect(isTimeToGiveBack(atFirst, later(1_300, 900, 50), 0), 'asked, though by little work').toBe(false);
});

it('leaves alone what is needed even then, until there is more', () => {
  expect(isTimeToGiveBack(atFirst, later(100, 920), 880)).toBe(false);
  expect(isTimeToGiveBack(atFirst, later(100, 950), 880)).toBe(true);
});

it('collects, lets that settle and releases, once for what has grown', async () => {
  const done: string[] = [];
  let looks = 0;
  await using _keeper = startMemoryKeeper({
    look: () => ({ atMs: 1000 * ++looks, busyMs: 0, residentMiB: done.includes('release') ? 300 : 900, requests: 0 }),
    collect: () => done.push('collect'),
    release: () => done.push('release'),
    lookEveryMs: 1,
    settleMs: 1,
  });
  await expect.poll(() => looks, { timeout: 30_000 }).toBeGreaterThan(20);
  expect(done).toEqual(['collect', 'release']);
});

it('can do so in this process', async () => {
  const { look, collect, release } = await thisMemory(() => 0);
  collect();
  release();
  expect(look().residentMiB).toBeGreaterThan(10);
});
