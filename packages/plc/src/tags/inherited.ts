import type { NodeId } from '@planetlab/model';
import { sql } from 'kysely';

/** A row for each of these nodes that is in groups, with their names. */
export const groupsOfNodes = (ids: readonly NodeId[]) => sql`
  select node_id, array_agg(group_name order by group_name) as groups
    from node_group_members where node_id = any(${ids}::uuid[]) group by node_id`;

/**
 * A row for each of these nodes that has tags, with its own and those inherited from its groups. Of one key the value that
 * comes last stays in the object: that of a group later in the alphabet, then of one earlier, then the node's own.
 */
export const tagsOfNodes = (ids: readonly NodeId[]) => sql`
  select node_id, jsonb_object_agg(key, value order by own, source desc) as tags from (
    select node_id, false as own, group_name as source, key, value
      from node_group_members join node_group_tags using (group_name)
    union all
    select node_id, true, '', key, value from node_tags) as found
  where node_id = any(${ids}::uuid[]) group by node_id`;
