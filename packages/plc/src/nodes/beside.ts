import type { PlcNode } from '@planetlab/contract';
import { HOUR_MS, type NodeId } from '@planetlab/model';
import { type RawBuilder, sql } from 'kysely';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { groupsOfNodes, tagsOfNodes } from '../tags/inherited.ts';

/** What is shown of a node and stands in other tables. */
export type Shown = Pick<PlcNode, 'slivers' | 'groups' | 'tags'>;

export interface Beside {
  readonly shown: Shown;
  /** The end of the newest join token that could still be used, or could have been. */
  readonly invitedUntil: Date | null;
}

const NOTHING: Beside = { shown: { slivers: 0, groups: [], tags: {} }, invitedUntil: null };

/** Another one after each change of what stands beside nodes. */
export const besideVersion: RawBuilder<string> = sql`(select count(*) || ' ' || coalesce(max(id), 0) from node_list_changes)`;

interface Row extends Shown {
  readonly node_id: NodeId;
  readonly invited_until: Date | null;
  readonly version: string;
}

/** Read for all of them at once: looked up for each by itself it is most of the work of a list. */
export async function readBeside(
  db: Db | Trx,
  ids: readonly NodeId[],
): Promise<{ readonly of: (id: NodeId) => Beside; readonly version: string }> {
  if (ids.length === 0) return { of: () => NOTHING, version: '' };
  const given = sql`any(${ids}::uuid[])`;
  const { rows } = await sql<Row>`
    select node_id, coalesce(counted.slivers, 0) as slivers, coalesce(grouped.groups, '{}') as groups,
      coalesce(tagged.tags, '{}') as tags, invited.until as invited_until, ${besideVersion} as version
    from unnest(${ids}::uuid[]) as asked (node_id)
    left join (select node_id, count(*) as slivers from slivers where wanted and node_id = ${given} group by node_id)
      as counted using (node_id)
    left join (${groupsOfNodes(ids)}) as grouped using (node_id)
    left join (${tagsOfNodes(ids)}) as tagged using (node_id)
    left join (select node_id, max(expires_at) as until from join_tokens
      where used_at is null and voided_at is null and node_id = ${given} group by node_id) as invited using (node_id)`.execute(
    db,
  );
  const found = new Map(
    rows.map(({ node_id, invited_until, slivers, groups, tags }) => [
      node_id,
      { shown: { slivers, groups, tags }, invitedUntil: invited_until },
    ]),
  );
  return { of: (id) => found.get(id) ?? NOTHING, version: rows[0]?.version ?? '' };
}

/** Longer than any transaction takes: one that began before then has left its mark, or never will. */
const CHANGES_KEPT_MS = HOUR_MS;

/** Without the old ones the list is another one too, and is read once more. */
export async function forgetListChanges({ db, now }: Store): Promise<void> {
  const before = new Date(now().getTime() - CHANGES_KEPT_MS);
  await db.deleteFrom('node_list_changes').where('at', '<', before).execute();
}
