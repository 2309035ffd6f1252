import { randomUUID } from 'node:crypto';
import type { Operation, Reason } from '@planetlab/contract';
import type { NodeId, NodeName, OperationItemState, Principal, SiteName, SliceName } from '@planetlab/model';
import { SECOND_MS } from '@planetlab/model';
import { announce } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';
import { countsOf, stateOf } from './rules.ts';
import { toOperation } from './store.ts';

/** One thing that an operation is about. */
export type NewItem =
  /** A sliver that is to run, or to be gone. `added`: the operation made it, and to cancel the operation takes it back. */
  | {
      readonly goal: 'running' | 'gone';
      readonly subject: string;
      readonly slice: SliceName;
      readonly node: NodeName;
      readonly nodeId: NodeId;
      readonly sliverId: string;
      readonly added?: boolean;
    }
  /** What this authority itself does: done or refused in this very transaction, or `waiting` with a row in `pending_decisions`. */
  | {
      readonly goal: 'none';
      readonly subject: string;
      readonly slice?: SliceName;
      readonly node?: NodeName;
      readonly state: Extract<OperationItemState, 'waiting' | 'done' | 'failed'>;
      readonly reason?: Reason;
    };

export interface NewOperation {
  readonly at: Date;
  readonly actor: Principal;
  /** `thing.verb`, for example `slivers.add`. */
  readonly kind: string;
  readonly subject: string;
  /** Who may see the slice may see the operation. Without one: its actor, the PIs and techs of `site`, and admins. */
  readonly slice?: { readonly id: string; readonly name: SliceName };
  readonly site?: SiteName;
  readonly deadlineSeconds: number;
  /** At most some thousands; each subject once. */
  readonly items: readonly NewItem[];
}

/**
 * Begins an operation in the transaction that writes what is wanted. From then on it is observed by any PLC process
 * until it ends: nobody has to hold it. The change itself, with its event, is the caller's.
 */
export async function startOperation(trx: Trx, given: NewOperation): Promise<Operation> {
  const { at, items } = given;
  const states = items.map((item) => (item.goal === 'none' ? item.state : 'waiting'));
  const counts = countsOf([...Map.groupBy(states, (state) => state)].map(([state, all]) => [state, all.length]));
  const state = stateOf(counts);
  const row = await trx
    .insertInto('operations')
    .values({
      id: randomUUID(),
      kind: given.kind,
      subject: given.subject,
      actor: given.actor,
      site: given.site ?? null,
      slice_id: given.slice?.id ?? null,
      slice: given.slice?.name ?? null,
      state,
      counts: JSON.stringify(counts),
      created_at: at,
      deadline_at: new Date(at.getTime() + given.deadlineSeconds * SECOND_MS),
      ended_at: state === 'running' ? null : at,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  for (const some of inBatches(items)) {
    await trx
      .insertInto('operation_items')
      .values(some.map((item) => itemRow(row.id, at, item)))
      .execute();
  }
  await announce(trx, { type: 'operation', name: row.id, fromNode: true });
  return toOperation(row);
}

const itemRow = (operation: string, at: Date, item: NewItem) => {
  const common = { operation_id: operation, subject: item.subject, goal: item.goal, since: at };
  if (item.goal === 'none') {
    const { state, slice = null, node = null } = item;
    const reason = item.reason === undefined ? null : JSON.stringify(item.reason);
    return { ...common, state, slice, node, reason, sliver_id: null, node_id: null, added: false };
  }
  const { slice, node, sliverId, nodeId, added = false } = item;
  return {
    ...common,
    state: 'waiting' as const,
    slice,
    node,
    reason: null,
    sliver_id: sliverId,
    node_id: nodeId,
    added,
  };
};

/** One statement has at most 65,535 parameters. */
const BATCH = 5000;

function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += BATCH) yield items.slice(from, from + BATCH);
}
