import type { Reason } from '@planetlab/contract';
import { type OperationItemState, SliverState } from '@planetlab/model';
import { type RawBuilder, type Selectable, sql } from 'kysely';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { PROCESS_DEAD_AFTER_MS } from '../nodes/liveness.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { OperationItemTable, OperationTable } from '../store/schema-operations.ts';
import type { ItemFacts } from './rules.ts';

/** One operation that is looked at: all of its items that may still change, or those with these subjects. */
export interface Look {
  readonly operation: Selectable<OperationTable>;
  readonly subjects: readonly string[] | undefined;
}

/** An item that may still change, with what it is judged by. */
export interface OpenItem extends ItemFacts {
  readonly operation: string;
  readonly subject: string;
  readonly before: { readonly state: OperationItemState; readonly reason: Reason | null };
}

export async function openItems(trx: Trx, now: Date, looks: readonly Look[]): Promise<readonly OpenItem[]> {
  const startedAtMs = await servingSinceMs(trx, now);
  const whole = looks.flatMap(({ operation, subjects }) => (subjects === undefined ? operation.id : []));
  const some = looks.flatMap(({ operation: { id }, subjects = [] }) =>
    subjects.map((subject) => [id, subject] as const),
  );
  const all = whole.length === 0 ? [] : await select(trx, now, allOf(whole)).execute();
  const others = some.length === 0 ? [] : await select(trx, now, named(some)).execute();
  return [...all, ...others].map((row) => ({
    operation: row.operation_id,
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

type Items = RawBuilder<Selectable<OperationItemTable>>;

const allOf = (operations: readonly string[]): Items =>
  sql`(select * from operation_items where operation_id = any(${operations}::uuid[]))`;

/**
 * Each is looked up by its key: what the database guesses of how many are still open is old as soon as much happens, and
 * `offset 0` keeps it from making a join of this by that guess.
 */
const named = (items: readonly (readonly [operation: string, subject: string])[]): Items =>
  sql`(select found.* from unnest(${items.map(([id]) => id)}::uuid[], ${items.map(([, subject]) => subject)}::text[])
    as named (operation_id, subject) cross join lateral (select * from operation_items as by_key
      where by_key.operation_id = named.operation_id and by_key.subject = named.subject offset 0) as found)`;

const select = (trx: Trx, now: Date, items: Items) =>
  trx
    .selectFrom(items.as<'item'>(sql`item`))
    .leftJoin('slivers', 'slivers.id', 'item.sliver_id')
    .leftJoin('nodes', 'nodes.id', 'item.node_id')
    .leftJoin(liveUplinks(trx, now).as('live'), 'live.node_id', 'item.node_id')
    .select(['item.operation_id', 'item.subject', 'item.goal', 'item.state', 'item.reason'])
    .select(['slivers.state as sliver_state', 'slivers.wanted', 'slivers.reason as sliver_reason'])
    .select((eb) => eb('live.node_id', 'is not', null).as('connected'))
    // times cost the most to read, and most nodes are connected
    .select((eb) => [
      eb.case().when('live.node_id', 'is', null).then(eb.ref('nodes.joined_at')).end().as('joined_at'),
      eb.case().when('live.node_id', 'is', null).then(eb.ref('nodes.last_seen_at')).end().as('last_seen_at'),
    ])
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
    .where('item.state', 'in', ['waiting', 'failed'])
    .where((eb) => eb.not(eb.and([eb('item.goal', '=', 'none'), eb('item.state', '=', 'failed')]))); // it was refused

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
  node: { readonly connected: unknown; readonly joined_at: Date | null; readonly last_seen_at: Date | null },
  startedAtMs: number,
  nowMs: number,
): number {
  if (node.connected === true) return 0;
  if (node.joined_at === null) return Number.POSITIVE_INFINITY;
  return Math.max(1, nowMs - Math.max(node.last_seen_at?.getTime() ?? 0, startedAtMs));
}
