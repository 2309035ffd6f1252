import { DAY_MS, type Principal, type SliceName, toInstant } from '@planetlab/model';
import { record } from '../events/record.ts';
import { queueMail } from '../mail/queue.ts';
import { getSettings } from '../settings/store.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { unwant } from './store.ts';

/**
 * Warns people of a slice before its end, and at the end takes it off its nodes and tells them. Each once for one end: a
 * slice that is renewed has another. Leases never go beyond a slice's end, so that this ends no sliver late.
 */
export async function tendSliceEnds(store: Store, actor: Principal): Promise<void> {
  await warnOfEnds(store);
  await endSlices(store, actor);
}

async function warnOfEnds(store: Store): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const { expiryWarningDays } = await getSettings(trx);
    const soon = await trx
      .selectFrom('slices')
      .select(['id', 'name', 'expires_at', 'created_at'])
      .where('deleted_at', 'is', null)
      .where('expires_at', '>', at)
      .where('expires_at', '<=', new Date(at.getTime() + expiryWarningDays * DAY_MS))
      .where((eb) => eb.or([eb('warned_end', 'is', null), eb('warned_end', '!=', eb.ref('expires_at'))]))
      .forUpdate()
      .skipLocked()
      .execute();
    for (const { id, name, expires_at } of soon) {
      await trx.updateTable('slices').set({ warned_end: expires_at }).where('id', '=', id).execute();
      await mailSlice(trx, at, id, warning(name, expires_at));
    }
  });
}

async function endSlices(store: Store, actor: Principal): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const expired = await trx
      .selectFrom('slices')
      .select(['id', 'name', 'site', 'expires_at'])
      .where('expires_at', '<=', at)
      .where('deleted_at', 'is', null)
      .where((eb) =>
        eb.or([
          eb('told_end', 'is', null),
          eb('told_end', '!=', eb.ref('expires_at')),
          eb('id', 'in', eb.selectFrom('slivers').select('slice_id').where('wanted', '=', true)),
        ]),
      )
      .forUpdate()
      .skipLocked()
      .execute();
    for (const { id, name, site, expires_at } of expired) {
      await unwant(trx, id, at);
      await trx.updateTable('slices').set({ told_end: expires_at }).where('id', '=', id).execute();
      await mailSlice(trx, at, id, farewell(name, expires_at));
      const before = { expiresAt: expires_at };
      const entry = { at, actor, kind: 'slice.expired', subject: name, site, slice: name, before };
      await record(trx, entry, { type: 'slice', name });
    }
  });
}

interface Letter {
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
}

/** Writes to all people of a slice who can sign in. */
export async function mailSlice(trx: Trx, at: Date, sliceId: string, letter: Letter): Promise<void> {
  const persons = await trx
    .selectFrom('slice_persons')
    .innerJoin('persons', 'persons.email', 'slice_persons.person')
    .select('slice_persons.person')
    .where('slice_id', '=', sliceId)
    .where('persons.enabled', '=', true)
    .execute();
  await queueMail(trx, at, { ...letter, to: persons.map(({ person }) => person) });
}

const warning = (name: SliceName, end: Date): Letter => ({
  kind: 'slice.expires',
  subject: `The slice ${name} ends at ${toInstant(end.getTime())}`,
  text: `The slice ${name} ends at ${toInstant(end.getTime())}. Its slivers end with it, and what is on their disks is lost.

To keep it, renew it:

  pl slice renew ${name} --for 4w

A slice that is no longer needed needs nothing: it ends by itself.
`,
});

const farewell = (name: SliceName, end: Date): Letter => ({
  kind: 'slice.expired',
  subject: `The slice ${name} has ended`,
  text: `The slice ${name} ended at ${toInstant(end.getTime())}. Its slivers have ended, and what was on their disks is lost.

To use the name again, delete the slice and create it anew:

  pl slice delete ${name}
`,
});
