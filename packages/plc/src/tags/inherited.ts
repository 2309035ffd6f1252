import type { GroupName, Tags } from '@planetlab/contract';
import { sql } from 'kysely';

/** For a select from `nodes`: the groups of the node. */
export const groupsOfNode = sql<GroupName[]>`array(
  select group_name from node_group_members where node_id = nodes.id order by group_name)`;

/**
 * For a select from `nodes`: its tags and those inherited from its groups. Of one key the value that comes last stays in
 * the object: that of a group later in the alphabet, then of one earlier, then the node's own.
 */
export const tagsOfNode = sql<Tags>`coalesce((
  select jsonb_object_agg(key, value order by own, source desc) from (
    select false as own, group_name as source, key, value
      from node_group_members join node_group_tags using (group_name) where node_id = nodes.id
    union all
    select true, '', key, value from node_tags where node_id = nodes.id) as found), '{}'::jsonb)`;
