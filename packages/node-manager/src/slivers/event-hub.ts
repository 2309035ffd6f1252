import { setImmediate } from 'node:timers/promises';
import type { NodeSliver } from '@planetlab/contract';

/** Passes changes of slivers on to watchers. */
export interface EventHub {
  /** `describe` says how it is by then: it is asked once a watcher takes it, and not at all for what was overtaken. */
  publish(slice: string, describe: () => NodeSliver): void;
  /**
   * Every change from now on. A watcher that does not keep up gets the latest of each sliver and not all in between, so
   * that what is kept for it is bounded by the number of slivers.
   */
  watch(signal: AbortSignal): AsyncIterable<NodeSliver>;
  /** Ends all watching. */
  close(): void;
}

interface Watcher {
  readonly latest: Map<string, () => NodeSliver>;
  wake: () => void;
}

export function createEventHub(): EventHub {
  const watchers = new Set<Watcher>();
  const closing = new AbortController();

  async function* follow(watcher: Watcher, signal: AbortSignal): AsyncGenerator<NodeSliver> {
    try {
      while (!signal.aborted) {
        const [next] = watcher.latest;
        if (next === undefined) {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
          await setImmediate(); // of what happens to a sliver in one turn only the end is told
          continue;
        }
        watcher.latest.delete(next[0]);
        yield next[1]();
      }
    } finally {
      watchers.delete(watcher);
    }
  }

  return {
    publish(slice, describe) {
      for (const watcher of watchers) {
        watcher.latest.delete(slice); // to the end: order is that of the latest changes
        watcher.latest.set(slice, describe);
        watcher.wake();
      }
    },
    watch(signal) {
      const watcher: Watcher = { latest: new Map(), wake: () => {} };
      watchers.add(watcher);
      const either = AbortSignal.any([signal, closing.signal]);
      either.addEventListener('abort', () => watcher.wake(), { once: true });
      return follow(watcher, either);
    },
    close: () => closing.abort(),
  };
}
