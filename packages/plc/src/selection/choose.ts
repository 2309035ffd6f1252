import { randomInt } from 'node:crypto';
import type { NodeSelection } from '@planetlab/contract';
import { type NodeName, PlanetLabError, type SelectionRequest, sumsOf } from '@planetlab/model';
import { select } from '@planetlab/selection';
import { listNodes } from '../nodes/store.ts';
import type { StoredSlice } from '../slices/store.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { candidateOf } from './candidates.ts';

/** The most nodes that are looked at. An authority of 1,000 sites has fewer. */
const MOST_NODES = 50_000;
const SEEDS = 2 ** 32;

/** Chooses among all nodes as they are now. Throws `malformed_expression`, `unknown_node`. */
export async function chooseNodes(
  { db, now }: Store,
  request: SelectionRequest,
  seed = randomInt(SEEDS),
): Promise<NodeSelection> {
  const at = now();
  const nodes = await listNodes(db, { limit: MOST_NODES, facts: 'whole' }, at);
  const candidates = nodes.map((node) => candidateOf(node, at.getTime()));
  const { chosen, satisfied, summary, explanation } = select(candidates, request, seed);
  return { chosen: [...chosen], satisfied, summary, seed, explanation: [...explanation] };
}

/** As a slice asks: the nodes it is on are reused, and one of its slivers must have room. */
export async function requestOfSlice(
  db: Db | Trx,
  slice: StoredSlice,
  request: SelectionRequest,
): Promise<SelectionRequest> {
  const on = await nodesOf(db, slice);
  return {
    ...request,
    reuse: [...new Set([...on, ...request.reuse])],
    needs: request.needs ?? sumsOf(slice.resources),
  };
}

export async function nodesOf(db: Db | Trx, slice: StoredSlice): Promise<NodeName[]> {
  const rows = await db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .select('nodes.name')
    .where('slivers.slice_id', '=', slice.id)
    .where('slivers.wanted', '=', true)
    .where('nodes.deleted_at', 'is', null)
    .orderBy('nodes.name')
    .execute();
  return rows.map(({ name }) => name);
}

/** Throws `selection_too_small` with the reasons of the first nodes that did not do. */
export function requireSatisfied({ satisfied, summary, explanation }: NodeSelection): void {
  if (satisfied) return;
  const reasons = explanation.slice(0, 3).map(({ node, sentence }) => `${node}: ${sentence}`);
  const more = explanation.length > reasons.length ? ' The rest says: pl node select ... --explain' : '';
  throw new PlanetLabError('selection_too_small', `${[summary, ...reasons].join(' ')}${more}`);
}
