import { plcRoutes, scopeOf } from '@planetlab/contract';
import { isPlanetLabError, SECOND_MS, type SliceName } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';
import { type Actor, mayRunIn } from '../access/rules.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Announcement } from '../events/record.ts';
import { authenticate } from '../sessions/authenticate.ts';
import { findSlice } from '../slices/store.ts';
import type { Store } from '../store/store.ts';

/** A token that ends or is revoked announces nothing. */
const LOOKED_AT_EVERY_MS = 30 * SECOND_MS;

export interface StillAllowedOptions {
  readonly store: Store;
  readonly feed: Pick<ChangeFeed, 'subscribe'>;
}

/**
 * A program does not outlive the right to run it: the signal is aborted soon after its person was taken off the slice, lost
 * the role, or is no longer signed in.
 */
export function stillAllowed(
  { store, feed }: StillAllowedOptions,
  request: FastifyRequest,
  actor: Actor,
  slice: SliceName,
): { readonly signal: AbortSignal } & Disposable {
  const ended = new AbortController();
  const look = () => {
    mayStillRun(store, request, slice).then(
      (allowed) => {
        if (!allowed) ended.abort();
      },
      () => {}, // the database is away: the next look tells
    );
  };
  const concerns = ({ type, name }: Announcement) =>
    (type === 'slice' && name === slice) || (type === 'person' && name === actor.email);
  const unsubscribe = feed.subscribe((change) => {
    if (concerns(change)) look();
  }, look);
  const timer = setInterval(look, LOOKED_AT_EVERY_MS);
  timer.unref();
  return {
    signal: ended.signal,
    [Symbol.dispose]() {
      unsubscribe();
      clearInterval(timer);
    },
  };
}

async function mayStillRun(store: Store, request: FastifyRequest, name: SliceName): Promise<boolean> {
  try {
    const actor = await authenticate(store, request, scopeOf(plcRoutes.exec));
    return mayRunIn(actor, await findSlice(store.db, name, store.now()));
  } catch (error) {
    if (isPlanetLabError(error)) return false;
    throw error;
  }
}
