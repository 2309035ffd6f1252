import { plcRoutes } from '@planetlab/contract';
import { type App, sendEvents } from '@planetlab/contract/server';
import { isMemberOf, requireAllowed } from '../access/rules.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import { type ServePerson, signInCheck } from '../sessions/authenticate.ts';
import { findSlice } from '../slices/store.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { cancelOperation, mayCancel } from './cancel.ts';
import { findOperation, listItems, listOperations, toOperation } from './store.ts';
import { watchOperation } from './watch.ts';

export function serveOperations(
  app: App,
  serve: ServePerson,
  store: Store,
  feed: ChangeFeed,
  stopping: AbortSignal,
): void {
  const { db } = store;
  serve(app, plcRoutes.listOperations, async (actor, { query }) => {
    const found = await listOperations(db, actor, { ...query, limit: query.limit + 1 });
    const { items, next } = pageOf(found, query.limit, ({ cursor }) => cursor);
    return { items: items.map(({ operation }) => operation), next };
  });
  serve(app, plcRoutes.getOperation, async (actor, { params }) =>
    toOperation(await findOperation(db, actor, params.operation)),
  );
  serve(app, plcRoutes.listOperationItems, async (actor, { params, query }) => {
    await findOperation(db, actor, params.operation);
    const items = await listItems(db, params.operation, { ...query, limit: query.limit + 1 });
    return pageOf(items, query.limit, ({ subject }) => subject);
  });
  serve(app, plcRoutes.watchOperation, async (actor, { params, query }, context) => {
    await findOperation(db, actor, params.operation);
    const progress = watchOperation({
      db,
      feed,
      actor,
      operation: params.operation,
      after: query.after ?? lastEventId(context.request.headers['last-event-id']),
      isSignedIn: signInCheck(store, context.request),
      signal: AbortSignal.any([context.signal, stopping]),
    });
    await sendEvents(context, progress, ({ operation }) => String(operation.version));
  });
  serve(app, plcRoutes.cancelOperation, async (actor, { params }) => {
    const operation = await findOperation(db, actor, params.operation);
    const slice =
      operation.slice === null ? undefined : await findSlice(db, operation.slice, store.now()).catch(() => undefined); // deleted meanwhile
    requireAllowed(
      mayCancel(actor, operation, slice !== undefined && slice.id === operation.slice_id && isMemberOf(actor, slice)),
      'Only who began an operation, the people and the PI of its slice, and admins may cancel it.',
    );
    return cancelOperation(store, actor, params.operation);
  });
}

/** What the reader says it has; whatever else it sends means nothing yet. */
const lastEventId = (header: unknown): number => {
  const version = Number(header);
  return typeof header === 'string' && Number.isSafeInteger(version) && version >= 0
    ? Math.min(version, 2 ** 31 - 1)
    : 0;
};
