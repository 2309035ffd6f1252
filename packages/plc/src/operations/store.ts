import type { Operation, OperationItem } from '@planetlab/contract';
import { DAY_MS, PlanetLabError, type SiteName, type SliceName } from '@planetlab/model';
import type { Selectable } from 'kysely';
import { type Actor, isAdmin } from '../access/rules.ts';
import { orNothing } from '../persons/store.ts';
import { visibleSliceIds } from '../slices/store.ts';
import { type Paging, parseNumberCursor } from '../store/page.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { OperationItemTable, OperationTable } from '../store/schema-operations.ts';
import type { Store } from '../store/store.ts';

export const toOperation = (row: Selectable<OperationTable>): Operation => ({
  id: row.id,
  kind: row.kind,
  subject: row.subject,
  actor: row.actor,
  state: row.state,
  createdAt: row.created_at.toISOString(),
  deadlineAt: row.deadline_at.toISOString(),
  endedAt: row.ended_at?.toISOString() ?? null,
  counts: row.counts,
  version: row.version,
});

const toItem = (row: Selectable<OperationItemTable>): OperationItem => ({
  subject: row.subject,
  slice: row.slice,
  node: row.node,
  state: row.state,
  reason: row.reason,
  since: row.since.toISOString(),
});

/** The operations that an actor may see: of slices it may see; else own ones and those of sites where it is PI or tech. */
const visible = (db: Db | Trx, actor: Actor) => {
  const query = db.selectFrom('operations').selectAll('operations');
  if (isAdmin(actor)) return query;
  return query.where((eb) =>
    eb.or([
      eb('operations.slice_id', 'in', visibleSliceIds(db, actor)),
      eb.and([
        eb('operations.slice_id', 'is', null),
        eb.or([eb('operations.actor', '=', actor.principal), eb('operations.site', 'in', orNothing(managedBy(actor)))]),
      ]),
    ]),
  );
};

const managedBy = (actor: Actor): SiteName[] =>
  actor.roles.flatMap(({ role, site }) => (site !== null && (role === 'pi' || role === 'tech') ? [site] : []));

/** Throws `unknown_operation`, for those that the actor may not see too. */
export async function findOperation(db: Db | Trx, actor: Actor, id: string): Promise<Selectable<OperationTable>> {
  const row = await visible(db, actor).where('operations.id', '=', id).executeTakeFirst();
  if (row !== undefined) return row;
  throw new PlanetLabError(
    'unknown_operation',
    'There is no such operation here, or it is not yours to see. List yours with: pl operation list',
  );
}

export interface OperationFilter extends Paging {
  readonly slice?: SliceName | undefined;
  readonly running?: 'true' | 'false' | undefined;
}

/** Newest first, each with its cursor. */
export async function listOperations(
  db: Db,
  actor: Actor,
  filter: OperationFilter,
): Promise<{ readonly cursor: string; readonly operation: Operation }[]> {
  let query = visible(db, actor);
  if (filter.after !== undefined) query = query.where('operations.number', '<', parseNumberCursor(filter.after));
  if (filter.slice !== undefined) query = query.where('operations.slice', '=', filter.slice);
  if (filter.running !== undefined)
    query = query.where('operations.ended_at', filter.running === 'true' ? 'is' : 'is not', null);
  const rows = await query.orderBy('operations.number', 'desc').limit(filter.limit).execute();
  return rows.map((row) => ({ cursor: String(row.number), operation: toOperation(row) }));
}

export async function listItems(db: Db, operation: string, page: Paging): Promise<OperationItem[]> {
  const rows = await db
    .selectFrom('operation_items')
    .selectAll()
    .where('operation_id', '=', operation)
    .where('subject', '>', page.after ?? '')
    .orderBy('subject')
    .limit(page.limit)
    .execute();
  return rows.map(toItem);
}

/** Those that changed after a version. */
export async function itemsAfter(db: Db, operation: string, version: number): Promise<OperationItem[]> {
  const rows = await db
    .selectFrom('operation_items')
    .selectAll()
    .where('operation_id', '=', operation)
    .where('version', '>', version)
    .orderBy('subject')
    .execute();
  return rows.map(toItem);
}

/** How long one can be looked up after its end; its events stay. */
const KEPT_MS = 30 * DAY_MS;

export async function forgetOldOperations({ db, now }: Store): Promise<void> {
  const before = new Date(now().getTime() - KEPT_MS);
  await db.deleteFrom('operations').where('ended_at', '<', before).execute();
}
