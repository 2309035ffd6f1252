import type { Slice, SuspensionCause } from '@planetlab/contract';
import type { Principal } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';

/** What of a slice is needed to suspend it. */
export interface SuspendedSlice extends Pick<Slice, 'name' | 'site'> {
  readonly id: string;
}

export interface NewSuspension {
  readonly cause: SuspensionCause;
  readonly reason: string;
  readonly actor: Principal;
  readonly at: Date;
}

/**
 * Suspends a slice for a cause: its slivers are stopped and keep their disks, and no new ones are made. One suspension for
 * each cause; a newer one takes the place of the older.
 */
export async function suspend(trx: Trx, slice: SuspendedSlice, suspension: NewSuspension): Promise<void> {
  const { cause, reason, actor, at } = suspension;
  const row = { slice_id: slice.id, cause, reason, at, actor };
  await trx
    .insertInto('slice_suspensions')
    .values(row)
    .onConflict((conflict) => conflict.columns(['slice_id', 'cause']).doUpdateSet(row))
    .execute();
  const entry = { at, actor, kind: 'slice.suspended', subject: slice.name, site: slice.site, slice: slice.name };
  await record(trx, { ...entry, after: { cause, reason } }, { type: 'slice', name: slice.name });
}

/** Lifts the suspension for a cause; it may stay suspended for another. False when there was none. */
export async function liftSuspension(
  trx: Trx,
  slice: SuspendedSlice,
  { cause, actor, at }: Omit<NewSuspension, 'reason'>,
): Promise<boolean> {
  const lifted = await trx
    .deleteFrom('slice_suspensions')
    .where('slice_id', '=', slice.id)
    .where('cause', '=', cause)
    .returning(['reason', 'actor'])
    .executeTakeFirst();
  if (lifted === undefined) return false;
  const entry = { at, actor, kind: 'slice.resumed', subject: slice.name, site: slice.site, slice: slice.name };
  await record(trx, { ...entry, before: { cause, ...lifted } }, { type: 'slice', name: slice.name });
  return true;
}
