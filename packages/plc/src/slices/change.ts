import type { Slice, SliceChange } from '@planetlab/contract';
import type { Principal, SliceName } from '@planetlab/model';
import type { Store } from '../store/store.ts';
import { mailSlice } from './ends.ts';
import { changeSlice, findSlice, getSlice } from './store.ts';
import { liftSuspension, suspend } from './suspensions.ts';

/** What a slice says of itself, what its next slivers start from, and how many nodes its people may put it on. */
export const describeSlice = (store: Store, actor: Principal, name: SliceName, change: SliceChange): Promise<Slice> =>
  changeSlice(store, actor, name, 'slice.changed', async (trx, slice) => {
    const { description, url, image, initialCommand, maxNodes } = change;
    const set = {
      ...(description === undefined ? {} : { description }),
      ...(url === undefined ? {} : { url }),
      ...(image === undefined ? {} : { image }),
      ...(initialCommand === undefined ? {} : { initial_command: initialCommand }),
      ...(maxNodes === undefined ? {} : { max_nodes: maxNodes }),
    };
    if (Object.keys(set).length === 0) return undefined;
    await trx.updateTable('slices').set(set).where('id', '=', slice.id).execute();
    const before = Object.fromEntries(Object.keys(change).map((key) => [key, slice[key as keyof SliceChange]]));
    return { before, after: change };
  });

/** By people, who are told; for as long as nobody lifts it. */
export async function suspendSlice(store: Store, actor: Principal, name: SliceName, reason: string): Promise<Slice> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const slice = await findSlice(trx, name, at);
    await suspend(trx, slice, { cause: 'people', reason, actor, at });
    await mailSlice(trx, at, slice.id, {
      kind: 'slice.suspended',
      subject: `The slice ${name} is suspended`,
      text: `${actor} has suspended the slice ${name}: ${reason}\n\nIts slivers are stopped and keep their disks. They run again when the suspension is lifted; the slice ends at ${slice.expiresAt} unless it is renewed.\n`,
    });
    return getSlice(trx, name, at);
  });
}

export async function resumeSlice(store: Store, actor: Principal, name: SliceName): Promise<Slice> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const slice = await findSlice(trx, name, at);
    await liftSuspension(trx, slice, { cause: 'people', actor, at });
    return getSlice(trx, name, at);
  });
}
