import { setTimeout as sleep } from 'node:timers/promises';
import { PlanetLabError } from '@planetlab/model';

export interface WaitOptions {
  /** What is waited for, as the subject of a sentence: "PLC to answer". */
  readonly what: string;
  readonly timeoutMs: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
}

/** Asks until the answer is there. Fails with `timed_out` or, by the signal, `canceled`. */
export async function waitUntil<T>(ask: () => Promise<T | undefined>, options: WaitOptions): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    throwIfCanceled(options.signal);
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) {
      const seconds = Math.round(options.timeoutMs / 1000);
      throw new PlanetLabError('timed_out', `Waited ${seconds} s in vain for ${options.what}.`);
    }
    await sleep(options.pollMs);
  }
}

export function throwIfCanceled(signal: AbortSignal): void {
  if (signal.aborted) throw new PlanetLabError('canceled', 'Interrupted.');
}

/** Does work on each item, at most `atOnce` at a time; results in the order of the items. Stops at the first failure. */
export async function mapBounded<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  return results;
}
