import { type PlcEvent, plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import type { ExpressionBuilder } from 'kysely';
import { type Actor, isAdmin, sitesOf } from '../access/rules.ts';
import { orNothing } from '../persons/store.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { visibleSliceIds } from '../slices/store.ts';
import { type Paging, pageOf, parseNumberCursor } from '../store/page.ts';
import type { Db, Schema } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export function serveEvents(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.listEvents, async (actor, { query }) => {
    const events = await listEvents(store.db, actor, { ...query, limit: query.limit + 1 });
    return pageOf(events, query.limit, (event) => String(event.id));
  });
}

/** Newest first. Those of own sites and slices, and what one did oneself; all for admins. */
async function listEvents(
  db: Db,
  actor: Actor,
  filter: Paging & { readonly subject?: string | undefined },
): Promise<PlcEvent[]> {
  let query = db.selectFrom('events').select(['id', 'at', 'actor', 'kind', 'subject', 'before', 'after']);
  if (filter.after !== undefined) query = query.where('id', '<', parseNumberCursor(filter.after));
  if (filter.subject !== undefined) query = query.where('subject', '=', filter.subject);
  if (!isAdmin(actor)) {
    query = query.where((eb) =>
      eb.or([
        eb('actor', '=', actor.principal),
        eb('subject', '=', actor.email),
        eb('site', 'in', orNothing(sitesOf(actor))),
        eb.exists(sliceOfEvent(eb).where('own.id', 'in', visibleSliceIds(db, actor))),
      ]),
    );
  }
  const rows = await query.orderBy('id', 'desc').limit(filter.limit).execute();
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

/** The slice that an event's name meant when it happened: names come back after a deletion, to other people. */
const sliceOfEvent = (eb: ExpressionBuilder<Schema, 'events'>) =>
  eb
    .selectFrom('slices as own')
    .select('own.id')
    .whereRef('own.name', '=', 'events.slice')
    .whereRef('own.created_at', '<=', 'events.at')
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('slices as later')
            .select('later.id')
            .whereRef('later.name', '=', 'own.name')
            .whereRef('later.created_at', '>', 'own.created_at')
            .whereRef('later.created_at', '<=', 'events.at'),
        ),
      ),
    );
