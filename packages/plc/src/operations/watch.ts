import type { OperationProgress } from '@planetlab/contract';
import { SECOND_MS } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Db } from '../store/schema.ts';
import { findOperation, itemsAfter, toOperation } from './store.ts';

/** Should a change be missed, this is how late it is at most. It also is how long a sign-in that ended is still heard. */
const REREAD_MS = 5 * SECOND_MS;

export interface WatchOptions {
  readonly db: Db;
  readonly feed: ChangeFeed;
  readonly actor: Actor;
  readonly operation: string;
  /** The version that the reader has; 0 for nothing yet. */
  readonly after: number;
  readonly isSignedIn: () => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** What changed since the reader's version, then each further change, until the operation has ended. */
export async function* watchOperation(options: WatchOptions): AsyncGenerator<OperationProgress> {
  const { db, feed, actor, signal } = options;
  let known = options.after;
  let wake: () => void = () => {};
  let changed = true;
  const unsubscribe = feed.subscribe(
    ({ type, name }) => {
      if (type !== 'operation' || name !== options.operation) return;
      changed = true;
      wake();
    },
    () => wake(),
  );
  const stop = () => wake();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (let first = true; !signal.aborted && (await options.isSignedIn()); first = false) {
      changed = false;
      const operation = toOperation(await findOperation(db, actor, options.operation));
      if (first || operation.version > known) {
        yield { operation, items: await itemsAfter(db, operation.id, known) };
        known = Math.max(known, operation.version);
      }
      if (operation.endedAt !== null) return;
      if (!changed && !signal.aborted) await new Promise<void>((resolve) => (wake = wakeOf(resolve)));
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }
}

/** Called by whoever comes first: a change, the end, or the clock. */
function wakeOf(resolve: () => void): () => void {
  const timer = setTimeout(resolve, REREAD_MS);
  return () => {
    clearTimeout(timer);
    resolve();
  };
}
