import { MINUTE_MS, Principal, SECOND_MS, sliverName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { tidyOutbox } from '../mail/outbox.ts';
import { noteAvailability } from '../nodes/availability.ts';
import { forgetListChanges } from '../nodes/beside.ts';
import { tendDrains } from '../nodes/drain.ts';
import { escalate } from '../nodes/escalation.ts';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { forgetOldOperations } from '../operations/store.ts';
import { tidySignIns } from '../passwords/lock-out.ts';
import { forgetOldKeys } from '../requests/guard.ts';
import { forgetAttribution } from '../slices/attribution.ts';
import { tendSliceEnds } from '../slices/ends.ts';
import type { Store } from '../store/store.ts';

export const HOUSEKEEPING_INTERVAL_MS = 15 * SECOND_MS;
const ACTOR = Principal.parse('service:plc');
/** For the difference between clocks. */
const GRACE_MS = MINUTE_MS;

/**
 * What no event brings about: slices that expire, and slivers taken off nodes that do not come back to say so.
 * A node enforces the end of a lease alone: after it the sliver is gone wherever the node is.
 */
export async function keepHouse(store: Store, leaseMs: number): Promise<void> {
  await forgetOldKeys(store);
  await tendSliceEnds(store, ACTOR);
  await escalate(store, ACTOR);
  await tendDrains(store, ACTOR);
  await noteAvailability(store);
  await forgetAttribution(store);
  await forgetOldOperations(store);
  await forgetListChanges(store);
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const before = new Date(at.getTime() - GRACE_MS);
    const gone = await trx
      .deleteFrom('slivers')
      .using('nodes')
      .whereRef('nodes.id', '=', 'slivers.node_id')
      .where('slivers.wanted', '=', false)
      .where('slivers.node_id', 'not in', liveUplinks(trx, at).clearSelect().select('uplinks.node_id'))
      .where((eb) =>
        eb.or([
          eb('nodes.joined_at', 'is', null),
          eb('slivers.lease_expires_at', '<', before),
          // Its request may have been granted without our knowing.
          eb.and([
            eb('slivers.lease_expires_at', 'is', null),
            eb('slivers.unwanted_at', '<', new Date(before.getTime() - leaseMs)),
          ]),
        ]),
      )
      .returning(['slivers.slice', 'nodes.name'])
      .execute();
    for (const { slice, name } of gone) {
      const subject = sliverName(slice, name);
      const entry = { at, actor: ACTOR, kind: 'sliver.ended', subject, slice };
      await record(trx, entry, { type: 'sliver', name: subject, fromNode: true });
    }
    await trx.deleteFrom('tokens').where('expires_at', '<', at).execute();
    await tidySignIns(trx, at);
    await tidyOutbox(trx, at);
  });
}
