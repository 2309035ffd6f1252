import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { listEvents } from './search.ts';

export function serveEvents(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.listEvents, async (actor, { query }) => {
    const events = await listEvents(store.db, actor, { ...query, limit: query.limit + 1 });
    return pageOf(events, query.limit, (event) => String(event.id));
  });
}
