import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createWorkQueue } from './work-queue.ts';

it('runs a few keys at a time, each key once at a time, and loses no request', async () => {
  const running = new Map<string, number>();
  const runs = new Map<string, number>();
  let most = 0;
  const queue = createWorkQueue({ concurrency: 3 }, async (key) => {
    running.set(key, (running.get(key) ?? 0) + 1);
    runs.set(key, (runs.get(key) ?? 0) + 1);
    expect(running.get(key), 'one job of a key at a time').toBe(1);
    most = Math.max(
      most,
      [...running.values()].reduce((sum, each) => sum + each, 0),
    );
    await turn();
    running.set(key, 0);
  });
  for (const key of ['a', 'b', 'c', 'd', 'e', 'e']) queue.add(key);
  expect(runs.size, 'what is asked for together waits before any of it begins').toBe(0);
  await Promise.resolve();
  queue.add('a'); // while it runs: once more
  queue.add('a'); // and not twice
  await queue.idle();
  expect(most).toBe(3);
  expect(Object.fromEntries(runs)).toEqual({ a: 2, b: 1, c: 1, d: 1, e: 1 });
  await queue.close();
  queue.add('z');
  expect(runs.has('z')).toBe(false);
});

it('does not wait for jobs that hang to begin others, and runs no second one of their key', async () => {
  const ends = new Map<string, () => void>();
  const done: string[] = [];
  const queue = createWorkQueue({ concurrency: 2, patienceMs: 20 }, async (key) => {
    if (key.startsWith('hangs')) await new Promise<void>((resolve) => ends.set(key, resolve));
    done.push(key);
  });
  queue.add('hangs1');
  await Promise.resolve();
  for (const key of ['hangs2', 'hangs3', 'hangs1', 'a', 'b']) queue.add(key);
  await expect.poll(() => done, { timeout: 30_000 }).toEqual(['a', 'b']);
  expect([...ends.keys()]).toEqual(['hangs1', 'hangs2', 'hangs3']);
  for (const end of ends.values()) end();
  await expect.poll(() => done, { timeout: 30_000 }).toHaveLength(5);
  ends.get('hangs1')?.(); // its second run
  await queue.idle();
  expect(done.filter((key) => key === 'hangs1')).toHaveLength(2);
});
