import type { PlcEvent } from '@planetlab/contract';
import type { NodeName, PersonEmail, SliceName } from '@planetlab/model';
import { type ExpressionBuilder, sql } from 'kysely';
import { type Actor, isAdmin, sitesOf } from '../access/rules.ts';
import { orNothing } from '../persons/store.ts';
import { visibleSliceIds } from '../slices/store.ts';
import { type Paging, parseNumberCursor } from '../store/page.ts';
import type { Db, Schema } from '../store/schema.ts';

/** All that is given must hold. */
export interface EventFilter extends Paging {
  readonly subject?: string | undefined;
  readonly person?: PersonEmail | undefined;
  readonly slice?: SliceName | undefined;
  readonly node?: NodeName | undefined;
  readonly address?: string | undefined;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
}

/** Newest first. Those of own sites and slices, and what one did oneself; all for admins. */
export async function listEvents(db: Db, actor: Actor, filter: EventFilter): Promise<PlcEvent[]> {
  const { after, subject, since, until, address } = filter;
  let query = db.selectFrom('events').select(['id', 'at', 'actor', 'kind', 'subject', 'before', 'after']);
  if (after !== undefined) query = query.where('id', '<', parseNumberCursor(after));
  if (subject !== undefined) query = query.where('subject', '=', subject);
  if (since !== undefined) query = query.where('at', '>=', new Date(since));
  if (until !== undefined) query = query.where('at', '<', new Date(until));
  for (const name of [filter.person, filter.slice, filter.node]) {
    if (name !== undefined) query = query.where((eb) => naming(eb, [name]));
  }
  if (address !== undefined) {
    const names = [address, ...(await nodesAt(db, address))];
    query = query.where((eb) => naming(eb, names));
  }
  if (!isAdmin(actor)) query = query.where((eb) => readableBy(eb, db, actor));
  const rows = await query.orderBy('id', 'desc').limit(filter.limit).execute();
  return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
}

/** Events that name one of these. Those from before mentions were kept are found by who did it, to what, and whose it is. */
const naming = (eb: ExpressionBuilder<Schema, 'events'>, names: readonly string[]) =>
  eb.or([
    sql<boolean>`events.mentions && ${names}::text[]`,
    eb('subject', 'in', names),
    eb('slice', 'in', names as readonly SliceName[]),
    sql<boolean>`events.actor = any(${names.map((name) => `person:${name}`)}::text[])`,
  ]);

/** The nodes that have this address, or had it when they joined. */
async function nodesAt(db: Db, address: string): Promise<string[]> {
  const rows = await db
    .selectFrom('nodes')
    .select('name')
    .where((eb) =>
      eb.or([
        sql<boolean>`nodes.addresses @> ${JSON.stringify([address])}::jsonb`,
        eb(sql`nodes.facts->>'ipv4'`, '=', address),
      ]),
    )
    .execute();
  return rows.map(({ name }) => name);
}

const readableBy = (eb: ExpressionBuilder<Schema, 'events'>, db: Db, actor: Actor) =>
  eb.or([
    eb('actor', '=', actor.principal),
    eb('subject', '=', actor.email),
    eb('site', 'in', orNothing(sitesOf(actor))),
    eb.exists(sliceOfEvent(eb).where('own.id', 'in', visibleSliceIds(db, actor))),
  ]);

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
