import { expect, it } from 'vitest';
import { together } from './together.ts';

it('does together what comes while something is under way, and gives each its own result', async () => {
  const batches: (readonly number[])[] = [];
  const double = together(3, async (batch: readonly number[]) => {
    batches.push(batch);
    await new Promise((resolve) => setImmediate(resolve));
    return batch.map((item) => 2 * item);
  });
  const first = double(1);
  await new Promise((resolve) => setImmediate(resolve));
  const results = await Promise.all([first, ...[2, 3, 4, 5].map(double)]);
  expect(results).toEqual([2, 4, 6, 8, 10]);
  expect(batches).toEqual([[1], [2, 3, 4], [5]]);
});

it('tries each alone when a batch fails', async () => {
  const check = together(10, async (batch: readonly string[]) => {
    if (batch.includes('bad')) throw new Error('a bad one');
    return batch;
  });
  const results = await Promise.allSettled(['good', 'bad', 'also good'].map(check));
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

it('tries nothing again while there is no database', async () => {
  let calls = 0;
  const ask = together(10, async () => {
    calls += 1;
    throw Object.assign(new Error('the server ends'), { code: '57P01' });
  });
  const results = await Promise.allSettled([1, 2, 3].map(ask));
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(calls).toBe(1);
});

it('waits for more where nobody is in a hurry', async () => {
  const batches: (readonly number[])[] = [];
  const keep = together(
    10,
    async (batch: readonly number[]) => {
      batches.push(batch);
      return batch;
    },
    { gatherMs: 200 },
  );
  const first = keep(1);
  await new Promise((resolve) => setImmediate(resolve));
  await Promise.all([first, keep(2), keep(3)]);
  expect(batches).toEqual([[1, 2, 3]]);
});
