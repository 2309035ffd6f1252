import type { SliverName } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { inBatches } from '../in-batches.ts';
import type { Trx } from '../store/schema.ts';
import type { OperationTable } from '../store/schema-operations.ts';
import type { Store } from '../store/store.ts';
import { applyChanges, type ItemChange } from './apply-changes.ts';
import { type Look, type OpenItem, openItems } from './open-items.ts';
import { answerOf, type Counts, TIMED_OUT } from './rules.ts';

/** What is read and written in one transaction; an operation with more items is looked at alone. */
const MOST_ITEMS = 5_000;

/** What to look at: all operations that run, those past their deadline, or what may follow from changes. */
export type Which = 'all' | 'due' | Changed;

export interface Changed {
  readonly slivers: ReadonlySet<SliverName>;
  /** Operations that have begun: some of what they are to bring about may have been so before. */
  readonly begun: ReadonlySet<string>;
}

/**
 * Looks at operations that run and writes how far their items are. Any process may do it at any time, and twice: what
 * it writes follows from what is in the database, so an operation needs nobody who remembers it.
 */
export async function settleOperations(store: Store, which: Which = 'all'): Promise<void> {
  const bySlice = typeof which === 'string' ? undefined : Map.groupBy(which.slivers, sliceOf);
  const isWhole = ({ id }: Running) => typeof which === 'string' || which.begun.has(id);
  const subjectsOf = (running: Running) => (isWhole(running) ? undefined : (bySlice?.get(running.slice) ?? []));
  const sizeOf = (running: Running) => subjectsOf(running)?.length ?? openOf(running.counts);
  for (const batch of inBatches(await runningOperations(store, which), { mostSize: MOST_ITEMS, sizeOf })) {
    await store.db.transaction().execute(async (trx) => {
      const ids = batch.map(({ id }) => id);
      // Another process that has one looks again after its own change: nothing is lost by leaving it.
      const rows = await lockRunning(trx, ids).skipLocked().execute();
      const looks = rows.map((operation) => ({ operation, subjects: subjectsOf(operation) }));
      await settle(trx, store.now(), looks);
    });
  }
}

const sliceOf = (sliver: SliverName): string | null => sliver.slice(0, sliver.indexOf('@'));

/** The same for one, after whoever else is looking at it. */
export async function settleOperation(store: Store, id: string): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const rows = await lockRunning(trx, [id]).execute();
    const looks = rows.map((operation) => ({ operation, subjects: undefined }));
    await settle(trx, store.now(), looks);
  });
}

type Running = Pick<Selectable<OperationTable>, 'id' | 'slice' | 'counts'>;

async function runningOperations(store: Store, which: Which): Promise<readonly Running[]> {
  let query = store.db.selectFrom('operations').select(['id', 'slice', 'counts']).where('ended_at', 'is', null);
  if (which === 'due') query = query.where('deadline_at', '<=', store.now());
  else if (which !== 'all') {
    const slices = [...new Set([...which.slivers].map(sliceOf))];
    query = query.where(sql<boolean>`(slice = any(${slices}::text[]) or id = any(${[...which.begun]}::uuid[]))`);
  }
  return query.orderBy('number').execute();
}

const openOf = ({ waiting, failed }: Counts): number => waiting + failed;

/** Those of these operations that run, in one order for everybody. */
export const lockRunning = (trx: Trx, ids: readonly string[]) =>
  trx
    .selectFrom('operations')
    .selectAll()
    .where(sql<boolean>`id = any(${ids}::uuid[])`)
    .where('ended_at', 'is', null)
    .orderBy('number')
    .forUpdate();

async function settle(trx: Trx, at: Date, looks: readonly Look[]): Promise<void> {
  if (looks.length === 0) return;
  const isOver = ({ deadline_at }: Look['operation']) => deadline_at <= at;
  const all = looks.map((look) => (isOver(look.operation) ? { ...look, subjects: undefined } : look));
  const items = Map.groupBy(await openItems(trx, at, all), ({ operation }) => operation);
  const progress = all.map(({ operation }) => ({
    operation,
    items: (items.get(operation.id) ?? []).flatMap((item) => changeOf(item, isOver(operation))),
  }));
  const news = progress.filter(({ operation, items: changes }) => changes.length > 0 || isOver(operation));
  await applyChanges(trx, at, news);
}

/** What is new about an item, if anything is. */
function changeOf(item: OpenItem, isOver: boolean): readonly ItemChange[] {
  const answer = answerOf(item);
  const isLate = isOver && answer.state === 'waiting';
  const state = isLate ? 'timed_out' : answer.state;
  const reason = isLate ? TIMED_OUT : answer.reason;
  if (state === item.before.state && reason?.code === item.before.reason?.code) return [];
  return [{ subject: item.subject, state, reason }];
}
