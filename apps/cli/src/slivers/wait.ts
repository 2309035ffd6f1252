import { setTimeout as sleep } from 'node:timers/promises';
import type { Sliver } from '@planetlab/contract';
import type { SliverState } from '@planetlab/model';
import { allPages, type Plc } from '../session/client.ts';

export interface Wait {
  readonly slice: string;
  readonly nodes: readonly string[];
  readonly timeoutMs: number;
  /** Ends the waiting: the next request fails. */
  readonly interrupted: AbortSignal;
  /** Called with all of them, each time they have been read. */
  readonly onRead: (slivers: readonly Sliver[]) => void;
}

/** States that will not change by themselves soon: the answer, good or bad, is there. */
const SETTLED: ReadonlySet<SliverState> = new Set(['running', 'stopped', 'refused', 'failed', 'unreachable', 'gone']);
export const isSettled = (sliver: Sliver): boolean => SETTLED.has(sliver.state);

/** Changes wake the reader; should the stream of changes break, this is how late it is at most. */
const REREAD_MS = 1000;

/**
 * Waits until each sliver runs or will not for now, or the time is over; returns them as they are then.
 * One that is removed meanwhile is missing from the result.
 */
export async function waitUntilSettled(plc: Plc, wait: Wait): Promise<readonly Sliver[]> {
  const end = new AbortController();
  const changes = watchSlice(plc, wait.slice, end.signal);
  try {
    const deadline = AbortSignal.timeout(wait.timeoutMs);
    for (;;) {
      const changed = changes.next();
      const slivers = await readSlivers(plc, wait);
      wait.onRead(slivers);
      if (slivers.every(isSettled) || deadline.aborted) return slivers;
      await Promise.race([changed, pause(REREAD_MS, AbortSignal.any([deadline, end.signal, wait.interrupted]))]);
    }
  } finally {
    end.abort();
  }
}

async function readSlivers(plc: Plc, wait: Wait): Promise<readonly Sliver[]> {
  const all = await allPages((after) => plc.client.listSlivers({ query: { slice: wait.slice, after } }));
  return all.filter((sliver) => wait.nodes.includes(sliver.node));
}

const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {}); // ended early

/** Tells when something of a slice changed after `next` was called. */
function watchSlice(plc: Plc, slice: string, signal: AbortSignal): { next(): Promise<void> } {
  let waiting = Promise.withResolvers<void>();
  const follow = async () => {
    for await (const change of await plc.client.watch({}, { signal })) {
      if (change.type !== 'sliver' || !change.name.startsWith(`${slice}@`)) continue;
      waiting.resolve();
      waiting = Promise.withResolvers();
    }
  };
  follow().catch(() => {}); // a broken stream only makes the reader slower: it reads again after REREAD_MS
  return { next: () => waiting.promise };
}
