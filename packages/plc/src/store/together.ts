import { setTimeout as sleep } from 'node:timers/promises';
import { explainLostDatabase } from './lost-database.ts';

interface Asked<T, R> {
  readonly item: T;
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Does for many what comes at the same time: what is asked for while one batch is under way goes together into the next.
 * A thousand nodes that speak at once are a few transactions. When a batch fails each of it is tried alone: what one node
 * says must not be in the way of others. `work` gives a result for each, in their order, and may be called twice for one.
 * `gatherMs`: so long a batch waits for more, where nobody waits for it.
 */
export function together<T, R>(
  most: number,
  work: (batch: readonly T[]) => Promise<readonly R[]>,
  { gatherMs = 0 }: { readonly gatherMs?: number } = {},
): (item: T) => Promise<R> {
  let waiting: Asked<T, R>[] = [];
  let working = false;
  const run = async () => {
    working = true;
    await Promise.resolve(); // what is asked for in the same moment comes along
    while (waiting.length > 0) {
      if (gatherMs > 0) await sleep(gatherMs, undefined, { ref: false }); // a process that ends does not wait for it
      const batch = waiting.slice(0, most);
      waiting = waiting.slice(most);
      await attempt(batch, work);
    }
    working = false;
  };
  return (item) =>
    new Promise((done, failed) => {
      waiting.push({ item, done, failed });
      if (!working) void run();
    });
}

/** Never throws. */
async function attempt<T, R>(
  batch: readonly Asked<T, R>[],
  work: (batch: readonly T[]) => Promise<readonly R[]>,
): Promise<void> {
  try {
    const results = await work(batch.map(({ item }) => item));
    for (const [index, { done }] of batch.entries()) done(results[index] as R); // one for each, by what `work` is
  } catch (error) {
    const isDatabaseLost = explainLostDatabase(error) !== undefined;
    if (batch.length > 1 && !isDatabaseLost) for (const each of batch) await attempt([each], work);
    else for (const { failed } of batch) failed(error);
  }
}
