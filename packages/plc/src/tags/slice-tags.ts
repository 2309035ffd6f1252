import type { GroupName, SliceTag, Tags } from '@planetlab/contract';
import type { NodeId, NodeName, Principal } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { StoredSlice } from '../slices/store.ts';
import { findWantedSliver } from '../slivers/store.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { getGroup } from './groups.ts';
import { requireTagsFit } from './node-tags.ts';
import { sliverTags } from './precedence.ts';

/** Which slivers of a slice a tag is for; of neither, for all. */
export interface TagScope {
  readonly group?: GroupName | undefined;
  readonly node?: NodeName | undefined;
}

export async function listSliceTags(db: Db | Trx, sliceId: string): Promise<SliceTag[]> {
  return db
    .selectFrom('slice_tags')
    .leftJoin('nodes', 'nodes.id', 'slice_tags.node_id')
    .select(['slice_tags.key', 'slice_tags.value', 'slice_tags.group_name as group', 'nodes.name as node'])
    .where('slice_tags.slice_id', '=', sliceId)
    .orderBy('slice_tags.key')
    .orderBy('slice_tags.group_name')
    .orderBy('nodes.name')
    .execute();
}

/** Throws `unknown_sliver`. */
export async function getSliverTags(db: Db, slice: StoredSlice, node: NodeName): Promise<Tags> {
  const { nodeId } = await findWantedSliver(db, slice, node);
  const groups = db.selectFrom('node_group_members').select('group_name').where('node_id', '=', nodeId);
  const names = (await groups.execute()).map(({ group_name }) => group_name);
  return sliverTags(await listSliceTags(db, slice.id), node, names);
}

/** Throws `unknown_group`, `unknown_sliver`, `quota_exceeded`. */
export async function setSliceTag(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  tag: { readonly key: string; readonly value: string } & TagScope,
): Promise<SliceTag> {
  const { key, value, group = null, node = null } = tag;
  await changeSliceTag(store, actor, slice, 'slice.tag-set', { key, value, group, node }, async (trx) => {
    const row = { slice_id: slice.id, key, value, ...(await scopeOf(trx, slice, tag)) };
    await trx
      .insertInto('slice_tags')
      .values(row)
      .onConflict((conflict) => conflict.columns(['slice_id', 'group_name', 'node_id', 'key']).doUpdateSet({ value }))
      .execute();
    const inScope = (await listSliceTags(trx, slice.id)).filter((one) => one.group === group && one.node === node);
    requireTagsFit(inScope.length);
  });
  return { key, value, group, node };
}

/** Throws `unknown_group`, `unknown_sliver`. */
export async function deleteSliceTag(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  tag: { readonly key: string } & TagScope,
): Promise<void> {
  const { key, group = null, node = null } = tag;
  await changeSliceTag(store, actor, slice, 'slice.tag-deleted', { key, group, node }, async (trx) => {
    const { group_name, node_id } = await scopeOf(trx, slice, tag);
    await trx
      .deleteFrom('slice_tags')
      .where('slice_id', '=', slice.id)
      .where('key', '=', key)
      .where('group_name', 'is not distinct from', group_name)
      .where('node_id', 'is not distinct from', node_id)
      .execute();
  });
}

async function scopeOf(
  trx: Trx,
  slice: StoredSlice,
  { group, node }: TagScope,
): Promise<{ group_name: GroupName | null; node_id: NodeId | null }> {
  if (group !== undefined) await getGroup(trx, group);
  const sliver = node === undefined ? undefined : await findWantedSliver(trx, slice, node);
  return { group_name: group ?? null, node_id: sliver?.nodeId ?? null };
}

async function changeSliceTag(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  kind: string,
  after: unknown,
  change: (trx: Trx) => Promise<void>,
): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await change(trx);
    const entry = { at, actor, kind, subject: slice.name, site: slice.site, slice: slice.name, after };
    await record(trx, entry, { type: 'slice', name: slice.name });
  });
}
