import { type PlcNode, TAGS_LIMIT } from '@planetlab/contract';
import { type NodeId, PlanetLabError, type Principal } from '@planetlab/model';
import { record } from '../events/record.ts';
import { getNode } from '../nodes/store.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export async function setNodeTag(
  store: Store,
  actor: Principal,
  node: PlcNode,
  key: string,
  value: string,
): Promise<PlcNode> {
  return changeTags(store, actor, node, 'node.tag-set', { [key]: value }, async (trx) => {
    await trx
      .insertInto('node_tags')
      .values({ node_id: node.id, key, value })
      .onConflict((conflict) => conflict.columns(['node_id', 'key']).doUpdateSet({ value }))
      .execute();
    await checkTagCount(trx, node.id);
  });
}

export async function deleteNodeTag(store: Store, actor: Principal, node: PlcNode, key: string): Promise<PlcNode> {
  return changeTags(store, actor, node, 'node.tag-deleted', { [key]: null }, async (trx) => {
    await trx.deleteFrom('node_tags').where('node_id', '=', node.id).where('key', '=', key).execute();
  });
}

async function changeTags(
  store: Store,
  actor: Principal,
  node: PlcNode,
  kind: string,
  after: Readonly<Record<string, string | null>>,
  change: (trx: Trx) => Promise<void>,
): Promise<PlcNode> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await change(trx);
    const entry = { at, actor, kind, subject: node.name, site: node.site, before: { tags: node.tags }, after };
    await record(trx, entry, { type: 'node', name: node.name });
    return getNode(trx, node.name, at);
  });
}

async function checkTagCount(trx: Trx, node: NodeId): Promise<void> {
  const rows = await trx.selectFrom('node_tags').select('key').where('node_id', '=', node).execute();
  requireTagsFit(rows.length);
}

/** Throws `quota_exceeded`. */
export function requireTagsFit(count: number): void {
  if (count <= TAGS_LIMIT) return;
  const sentence = `It would have ${count} tags of its own; ${TAGS_LIMIT} is the most. Take one away first.`;
  throw new PlanetLabError('quota_exceeded', sentence, { details: { limit: TAGS_LIMIT } });
}
