import type { Reason } from '@planetlab/contract';
import { type OperationItemState, Principal, type SliverName, SliverState } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { announce, record } from '../events/record.ts';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { PROCESS_DEAD_AFTER_MS } from '../nodes/liveness.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { OperationTable } from '../store/schema-operations.ts';
import type { Store } from '../store/store.ts';
import { answerOf, type Counts, countsOf, stateOf, TIMED_OUT } from './rules.ts';

const FIRST_VERSION = 1;
/** Where much is going on each answer of the database is waited for: the waits of several operations are one. */
const AT_A_TIME = 4;
const ACTOR = Principal.parse('service:plc');

/** What to look at: all operations that run, those past their deadline, or what they have to do with some slivers. */
export type Which = 'all' | 'due' | ReadonlySet<SliverName>;

/**
 * Looks at operations that run and writes how far their items are. Any process may do it at any time, and twice: what
 * it writes follows from what is in the database, so an operation needs nobody who remembers it.
 */
export async function settleOperations(store: Store, which: Which = 'all'): Promise<void> {
  const bySlice = typeof which === 'string' ? undefined : Map.groupBy(which, sliceOf);
  const operations = (await runningOperations(store, which)).values();
  const settleNext = async () => {
    for (const { id, slice } of operations) {
      await store.db.transaction().execute(async (trx) => {
        // Another process that has it looks again after its own change: nothing is lost by leaving it.
        const row = await lockRunning(trx, id).skipLocked().executeTakeFirst();
        if (row !== undefined) await settle(trx, store.now(), row, bySlice?.get(slice));
      });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, settleNext));
}

const sliceOf = (sliver: SliverName): string | null => sliver.slice(0, sliver.indexOf('@'));

/** The same for one, after whoever else is looking at it. */
export async function settleOperation(store: Store, id: string): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const row = await lockRunning(trx, id).executeTakeFirst();
    if (row !== undefined) await settle(trx, store.now(), row);
  });
}

async function runningOperations(store: Store, which: Which) {
  let query = store.db.selectFrom('operations').select(['id', 'slice']).where('ended_at', 'is', null);
  if (which === 'due') query = query.where('deadline_at', '<=', store.now());
  else if (which !== 'all')
    query = query.where(sql<boolean>`slice = any(${[...new Set([...which].map(sliceOf))]}::text[])`);
  return query.orderBy('number').execute();
}

export const lockRunning = (trx: Trx, id: string) =>
  trx.selectFrom('operations').selectAll().where('id', '=', id).where('ended_at', 'is', null).forUpdate();

/** Looks at all of its items that may still change, or at those with these subjects. */
async function settle(
  trx: Trx,
  at: Date,
  operation: Selectable<OperationTable>,
  subjects?: readonly string[],
): Promise<void> {
  const isOver = operation.deadline_at <= at;
  const isNew = operation.version === FIRST_VERSION; // some of it may have been so before
  const changes: ItemChange[] = [];
  for (const item of await openItems(trx, operation.id, at, isOver || isNew ? undefined : subjects)) {
    const answer = answerOf(item);
    const late = isOver && answer.state === 'waiting';
    const state = late ? 'timed_out' : answer.state;
    const reason = late ? TIMED_OUT : answer.reason;
    if (state !== item.before.state || reason?.code !== item.before.reason?.code)
      changes.push({ subject: item.subject, state, reason });
  }
  if (changes.length > 0 || isOver) await applyChanges(trx, at, operation, changes);
}

export interface ItemChange {
  readonly subject: string;
  readonly state: OperationItemState;
  readonly reason: Reason | null;
}

/** Writes the next version of an operation, and its end when every item has an answer. */
export async function applyChanges(
  trx: Trx,
  at: Date,
  operation: Selectable<OperationTable>,
  changes: readonly ItemChange[],
): Promise<Selectable<OperationTable>> {
  const version = operation.version + 1;
  const [subjects, states] = [changes.map(({ subject }) => subject), changes.map(({ state }) => state)];
  const reasons = changes.map(({ reason }) => (reason === null ? null : JSON.stringify(reason)));
  await sql`
    update operation_items as item set state = new.state, reason = new.reason::jsonb, version = ${version},
      since = case when item.state = new.state then item.since else ${at} end
    from unnest(${subjects}::text[], ${states}::text[], ${reasons}::text[]) as new (subject, state, reason)
    where item.operation_id = ${operation.id} and item.subject = new.subject`.execute(trx);
  const counts = await count(trx, operation.id);
  const state = stateOf(counts);
  const row = await trx
    .updateTable('operations')
    .set({ version, counts: JSON.stringify(counts), state, ended_at: state === 'running' ? null : at })
    .where('id', '=', operation.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  const announcement = { type: 'operation', name: operation.id, fromNode: true } as const;
  if (state === 'running') await announce(trx, announcement);
  else
    await record(
      trx,
      { ...entryOf(operation), at, actor: ACTOR, kind: `operation.${state}`, after: { counts } },
      announcement,
    );
  return row;
}

/** What events about an operation have in common. */
export const entryOf = (operation: Selectable<OperationTable>) => ({
  subject: operation.subject,
  ...(operation.site === null ? {} : { site: operation.site }),
  ...(operation.slice === null ? {} : { slice: operation.slice }),
  before: { operation: operation.id, kind: operation.kind },
});

async function count(trx: Trx, operation: string): Promise<Counts> {
  const rows = await trx
    .selectFrom('operation_items')
    .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
    .where('operation_id', '=', operation)
    .groupBy('state')
    .execute();
  return countsOf(rows.map((row) => [row.state, Number(row.count)]));
}

/** The items that may still change, with what they are judged by. */
async function openItems(trx: Trx, operation: string, now: Date, subjects: readonly string[] | undefined) {
  const startedAtMs = await servingSinceMs(trx, now);
  const rows = await trx
    .selectFrom('operation_items as item')
    .leftJoin('slivers', 'slivers.id', 'item.sliver_id')
    .leftJoin('nodes', 'nodes.id', 'item.node_id')
    .leftJoin(liveUplinks(trx, now).as('live'), 'live.node_id', 'item.node_id')
    .select(['item.subject', 'item.goal', 'item.state', 'item.reason', 'live.connected_at'])
    .select(['slivers.state as sliver_state', 'slivers.wanted', 'slivers.reason as sliver_reason'])
    .select(['nodes.joined_at', 'nodes.last_seen_at'])
    .select((eb) =>
      eb
        .exists(
          eb
            .selectFrom('pending_decisions as pending')
            .select('pending.subject')
            .whereRef('pending.operation_id', '=', 'item.operation_id')
            .whereRef('pending.subject', '=', 'item.subject'),
        )
        .as('pending'),
    )
    .where('item.operation_id', '=', operation)
    .$if(subjects !== undefined, (query) => query.where(sql<boolean>`item.subject = any(${subjects}::text[])`))
    .where('item.state', 'in', ['waiting', 'failed'])
    .where((eb) => eb.not(eb.and([eb('item.goal', '=', 'none'), eb('item.state', '=', 'failed')]))) // it was refused
    .execute();
  return rows.map((row) => ({
    subject: row.subject,
    goal: row.goal,
    pending: row.pending === true,
    before: { state: row.state, reason: row.reason },
    sliver:
      row.sliver_state === null || row.wanted === null
        ? undefined
        : { state: SliverState.parse(row.sliver_state), wanted: row.wanted, reason: row.sliver_reason },
    disconnectedMs: disconnectedMs(row, startedAtMs, now.getTime()),
  }));
}

/** Since when there has been a PLC that nodes could reach. */
async function servingSinceMs(db: Db | Trx, now: Date): Promise<number> {
  const row = await db
    .selectFrom('processes')
    .select((eb) => eb.fn.min('started_at').as('started_at'))
    .where('heartbeat_at', '>', new Date(now.getTime() - PROCESS_DEAD_AFTER_MS))
    .executeTakeFirst();
  return row?.started_at?.getTime() ?? now.getTime();
}

function disconnectedMs(
  node: { readonly connected_at: Date | null; readonly joined_at: Date | null; readonly last_seen_at: Date | null },
  startedAtMs: number,
  nowMs: number,
): number {
  if (node.connected_at !== null) return 0;
  if (node.joined_at === null) return Number.POSITIVE_INFINITY;
  return Math.max(1, nowMs - Math.max(node.last_seen_at?.getTime() ?? 0, startedAtMs));
}
