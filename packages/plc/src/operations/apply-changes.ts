import type { Reason } from '@planetlab/contract';
import { type OperationItemState, Principal } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { announce, type EventEntry, recordAll } from '../events/record.ts';
import { givenRows } from '../store/given-rows.ts';
import type { Trx } from '../store/schema.ts';
import type { OperationTable } from '../store/schema-operations.ts';
import { type Counts, countsOf, stateOf } from './rules.ts';

const ACTOR = Principal.parse('service:plc');

export interface ItemChange {
  readonly subject: string;
  readonly state: OperationItemState;
  readonly reason: Reason | null;
}

/** What there is to write about one operation, which the caller has locked. */
export interface Progress {
  readonly operation: Selectable<OperationTable>;
  readonly items: readonly ItemChange[];
}

/** Writes the next version of each operation, and its end when every item has an answer. Gives them as they are then, in their order. */
export async function applyChanges(
  trx: Trx,
  at: Date,
  progress: readonly Progress[],
): Promise<readonly Selectable<OperationTable>[]> {
  if (progress.length === 0) return [];
  await updateItems(trx, at, progress);
  const counts = await countItems(
    trx,
    progress.map(({ operation }) => operation.id),
  );
  const rows = progress.map(({ operation }) => nextVersion(at, operation, counts(operation.id)));
  const given = givenRows(OPERATION_COLUMNS, rows);
  await sql`update operations set version = given.version, counts = given.counts, state = given.state,
    ended_at = given.ended_at from ${given} where operations.id = given.id`.execute(trx);
  await recordAll(
    trx,
    rows.flatMap((row) => (row.ended_at === null ? [] : endOf(at, row))),
  );
  await announce(trx, ...rows.map(({ id }) => ({ type: 'operation', name: id, fromNode: true }) as const));
  return rows;
}

const ITEM_COLUMNS = {
  ...({ operation_id: 'uuid', subject: 'text', state: 'text', reason: 'jsonb', version: 'integer' } as const),
};
const OPERATION_COLUMNS = {
  ...({ id: 'uuid', version: 'integer', counts: 'jsonb', state: 'text', ended_at: 'timestamptz' } as const),
};

async function updateItems(trx: Trx, at: Date, progress: readonly Progress[]): Promise<void> {
  const rows = progress.flatMap(({ operation, items }) =>
    items.map(({ subject, state, reason }) => ({
      ...{ operation_id: operation.id, subject, state, reason, version: operation.version + 1 },
    })),
  );
  if (rows.length === 0) return;
  await sql`
    update operation_items as item set state = given.state, reason = given.reason, version = given.version,
      since = case when item.state = given.state then item.since else ${at} end
    from ${givenRows(ITEM_COLUMNS, rows)}
    where item.operation_id = given.operation_id and item.subject = given.subject`.execute(trx);
}

async function countItems(trx: Trx, operations: readonly string[]): Promise<(operation: string) => Counts> {
  const rows = await trx
    .selectFrom('operation_items')
    .select((eb) => ['operation_id', 'state', eb.fn.countAll<number>().as('count')])
    .where(sql<boolean>`operation_id = any(${operations}::uuid[])`)
    .groupBy(['operation_id', 'state'])
    .execute();
  const byOperation = Map.groupBy(rows, ({ operation_id }) => operation_id);
  return (operation) => countsOf((byOperation.get(operation) ?? []).map(({ state, count }) => [state, Number(count)]));
}

function nextVersion(at: Date, operation: Selectable<OperationTable>, counts: Counts): Selectable<OperationTable> {
  const state = stateOf(counts);
  return { ...operation, version: operation.version + 1, counts, state, ended_at: state === 'running' ? null : at };
}

const endOf = (at: Date, operation: Selectable<OperationTable>): EventEntry => ({
  ...entryOf(operation),
  ...{ at, actor: ACTOR, kind: `operation.${operation.state}`, after: { counts: operation.counts } },
});

/** What events about an operation have in common. */
export const entryOf = (operation: Selectable<OperationTable>) => ({
  subject: operation.subject,
  ...(operation.site === null ? {} : { site: operation.site }),
  ...(operation.slice === null ? {} : { slice: operation.slice }),
  before: { operation: operation.id, kind: operation.kind },
});
