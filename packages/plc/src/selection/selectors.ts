import type { SliceSelector } from '@planetlab/contract';
import { PlanetLabError, type Principal, SelectionRequest } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { StoredSlice } from '../slices/store.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** The request that a slice has kept, or undefined. */
export async function findSelector(db: Db | Trx, slice: StoredSlice): Promise<SliceSelector | undefined> {
  const row = await db.selectFrom('slice_selectors').selectAll().where('slice_id', '=', slice.id).executeTakeFirst();
  if (row === undefined) return undefined;
  return { slice: slice.name, request: SelectionRequest.parse(row.request), keptAt: row.kept_at.toISOString() };
}

/** Throws `unknown_selector`. */
export async function getSelector(db: Db | Trx, slice: StoredSlice): Promise<SliceSelector> {
  const selector = await findSelector(db, slice);
  if (selector !== undefined) return selector;
  throw new PlanetLabError(
    'unknown_selector',
    `${slice.name} keeps no selector. Give it one with: pl slice add-node ${slice.name} --where ... --keep`,
  );
}

export async function keepSelector(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  request: SelectionRequest,
): Promise<void> {
  const at = store.now();
  const row = { slice_id: slice.id, request: JSON.stringify(request), kept_at: at };
  await store.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('slice_selectors')
      .values(row)
      .onConflict((conflict) => conflict.column('slice_id').doUpdateSet(row))
      .execute();
    await recordSelector(trx, at, actor, slice, 'slice.selector-kept', { after: request });
  });
}

/** Throws `unknown_selector`. */
export async function forgetSelector(store: Store, actor: Principal, slice: StoredSlice): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const { request } = await getSelector(trx, slice);
    await trx.deleteFrom('slice_selectors').where('slice_id', '=', slice.id).execute();
    await recordSelector(trx, at, actor, slice, 'slice.selector-forgotten', { before: request });
  });
}

const recordSelector = (
  trx: Trx,
  at: Date,
  actor: Principal,
  { name, site }: StoredSlice,
  kind: string,
  what: { readonly before?: unknown; readonly after?: unknown },
): Promise<void> =>
  record(trx, { at, actor, kind, subject: name, site, slice: name, ...what }, { type: 'slice', name });
