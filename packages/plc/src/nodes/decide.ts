import type { Decision, NodeInterface, PlcNode } from '@planetlab/contract';
import { type Place, type Principal, type RunLevel, toInstant } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { getNode } from './store.ts';

/** What every change of a node by people has in common: the change, its event, and its slivers, which follow. */
export async function changeNodeRow(
  store: Store,
  actor: Principal,
  node: PlcNode,
  kind: string,
  changed: { readonly before: unknown; readonly after: unknown },
  change: (trx: Trx, at: Date) => Promise<unknown>,
): Promise<PlcNode> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await change(trx, at);
    const entry = { at, actor, kind, subject: node.name, site: node.site, ...changed };
    await record(trx, entry, { type: 'node', name: node.name });
    return getNode(trx, node.name, at);
  });
}

export interface NodeChange {
  readonly place?: Place | null | undefined;
  readonly interfaces?: readonly NodeInterface[] | undefined;
}

export const changeNode = (store: Store, actor: Principal, node: PlcNode, change: NodeChange): Promise<PlcNode> => {
  const { place = node.place, interfaces = node.interfaces } = change;
  const before = { place: node.place, interfaces: node.interfaces };
  const set = { place: place === null ? null : JSON.stringify(place), interfaces: JSON.stringify(interfaces) };
  return changeNodeRow(store, actor, node, 'node.changed', { before, after: { place, interfaces } }, (trx) =>
    trx.updateTable('nodes').set(set).where('id', '=', node.id).execute(),
  );
};

export const setRunLevel = (
  store: Store,
  actor: Principal,
  node: PlcNode,
  runLevel: RunLevel,
  reason: string | undefined,
): Promise<PlcNode> =>
  changeNodeRow(
    store,
    actor,
    node,
    'node.run-level-set',
    { before: { runLevel: node.runLevel }, after: { runLevel, reason } },
    (trx, at) => {
      const decision = reason === undefined ? null : JSON.stringify(decisionOf(actor, reason, at));
      const set = { run_level: runLevel, run_level_decision: decision };
      return trx.updateTable('nodes').set(set).where('id', '=', node.id).execute();
    },
  );

/** Drain or quarantine a node, or, with null, no more. */
export const decideNode = (
  store: Store,
  actor: Principal,
  node: PlcNode,
  what: 'drain' | 'quarantine',
  reason: string | null,
): Promise<PlcNode> =>
  changeNodeRow(
    store,
    actor,
    node,
    `node.${what}-${reason === null ? 'ended' : 'begun'}`,
    { before: node[what], after: reason === null ? null : { reason } },
    (trx, at) => {
      const decision = reason === null ? null : JSON.stringify(decisionOf(actor, reason, at));
      return trx
        .updateTable('nodes')
        .set({ [what]: decision })
        .where('id', '=', node.id)
        .execute();
    },
  );

const decisionOf = (by: Principal, reason: string, at: Date): Decision => ({ reason, at: toInstant(at.getTime()), by });
