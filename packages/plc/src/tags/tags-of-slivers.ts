import { SLIVER_TAGS_LIMIT, type Tags } from '@planetlab/contract';
import type { NodeId } from '@planetlab/model';
import { sql } from 'kysely';
import type { Db } from '../store/schema.ts';
import { type ScopedTag, sliverTags } from './precedence.ts';

/** What slivers are told of their tags, by the ids of their slice and their node. */
export type TagsOfSlivers = (sliceId: string, node: NodeId) => Tags;

const NONE: Tags = {};

/** Reads the tags of many slivers at once. Slices without tags, which most are, cost one statement together. */
export async function readTagsOfSlivers(
  db: Db,
  sliceIds: ReadonlySet<string>,
  nodes: ReadonlySet<NodeId>,
): Promise<TagsOfSlivers> {
  if (sliceIds.size === 0) return () => NONE;
  const tags = await db
    .selectFrom('slice_tags')
    .select(['slice_id', 'key', 'value', 'group_name as group', 'node_id as node'])
    .where(sql<boolean>`slice_id = any(${[...sliceIds]}::uuid[])`)
    .execute();
  if (tags.length === 0) return () => NONE;
  const bySlice = Map.groupBy(tags, ({ slice_id }) => slice_id);
  const groups = tags.some(({ group }) => group !== null) ? await readGroups(db, nodes) : new Map<NodeId, string[]>();
  return (sliceId, node) => {
    const ofSlice: readonly ScopedTag<NodeId>[] | undefined = bySlice.get(sliceId);
    return ofSlice === undefined ? NONE : sliverTags(ofSlice, node, groups.get(node) ?? [], SLIVER_TAGS_LIMIT);
  };
}

async function readGroups(db: Db, nodes: ReadonlySet<NodeId>): Promise<ReadonlyMap<NodeId, string[]>> {
  const rows = await db
    .selectFrom('node_group_members')
    .select(['node_id', 'group_name'])
    .where(sql<boolean>`node_id = any(${[...nodes]}::uuid[])`)
    .execute();
  const members = Map.groupBy(rows, ({ node_id }) => node_id);
  return new Map([...members].map(([node, of]) => [node, of.map(({ group_name }) => group_name)]));
}
