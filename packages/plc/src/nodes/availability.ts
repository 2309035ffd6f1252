import { DAY_MS, HOUR_MS, MINUTE_MS } from '@planetlab/model';
import { sql } from 'kysely';
import type { Store } from '../store/store.ts';
import { liveUplinks } from './live-uplinks.ts';
import { lockNodes } from './lock-nodes.ts';

const SAMPLE_MS = 5 * MINUTE_MS;
const KEPT_MS = 8 * DAY_MS;
/** After a start of the PLC nodes come back within that: until then it says nothing of a node that it is away. */
const COMING_MS = 2 * MINUTE_MS;

/**
 * Looks every five minutes which nodes are connected, and works out in how much of the last day and week each was. For a
 * node that joined later, of the time since; times at which no process of the PLC ran do not count.
 */
export async function noteAvailability(store: Store): Promise<void> {
  const at = store.now();
  const before = (ms: number) => new Date(at.getTime() - ms);
  await store.db.transaction().execute(async (trx) => {
    const latest = trx
      .selectFrom('node_hours')
      .select('hour')
      .where('hour', '>', before(2 * HOUR_MS));
    if ((await latest.where('sampled_at', '>', before(SAMPLE_MS)).limit(1).executeTakeFirst()) !== undefined) return;
    const steady = trx.selectFrom('processes').select('id').where('started_at', '<', before(COMING_MS));
    if ((await steady.limit(1).executeTakeFirst()) === undefined) return;
    const connected = liveUplinks(trx, at).clearSelect().select('uplinks.node_id');
    await sql`insert into node_hours as known (hour, node_id, asked, seen, sampled_at)
      select date_trunc('hour', ${at}::timestamptz), id, 1, case when id in ${connected} then 1 else 0 end, ${at}
      from nodes where joined_at is not null and deleted_at is null
      on conflict (hour, node_id) do update
        set asked = known.asked + 1, seen = known.seen + excluded.seen, sampled_at = excluded.sampled_at`.execute(trx);
    await trx.deleteFrom('node_hours').where('hour', '<', before(KEPT_MS)).execute();
    await lockNodes(trx);
    await sql`update nodes set availability = jsonb_build_object('at', ${at.toISOString()}::text,
        'day', coalesce(found.day, found.week), 'week', found.week)
      from (select node_id,
          round(sum(seen) filter (where hour > ${before(DAY_MS)}) / sum(asked) filter (where hour > ${before(DAY_MS)})::numeric, 4) as day,
          round(sum(seen) / sum(asked)::numeric, 4) as week
        from node_hours where hour > ${before(7 * DAY_MS)} group by node_id) as found
      where nodes.id = found.node_id`.execute(trx);
  });
}
