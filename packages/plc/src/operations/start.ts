import { randomUUID } from 'node:crypto';
import type { Operation, Reason } from '@planetlab/contract';
import type { NodeId, NodeName, OperationItemState, Principal, SiteName, SliceName } from '@planetlab/model';
import { SECOND_MS } from '@planetlab/model';
import { sql } from 'kysely';
import { announce } from '../events/record.ts';
import { columnList, givenRows } from '../store/given-rows.ts';
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
  const rows = items.map((item) => itemRow(row.id, at, item));
  await sql`insert into operation_items (${columnList(COLUMNS)}) select * from ${givenRows(COLUMNS, rows)}`.execute(
    trx,
  );
  await announce(trx, { type: 'operation', name: row.id });
  return toOperation(row);
}

const COLUMNS = {
  ...({ operation_id: 'uuid', subject: 'text', goal: 'text', since: 'timestamptz', state: 'text' } as const),
  ...({ slice: 'text', node: 'text', reason: 'jsonb', sliver_id: 'uuid', node_id: 'uuid', added: 'boolean' } as const),
};

const itemRow = (operation: string, at: Date, item: NewItem) => {
  const common = { operation_id: operation, subject: item.subject, goal: item.goal, since: at };
  if (item.goal === 'none') {
    const { state, slice = null, node = null } = item;
    return { ...common, state, slice, node, reason: item.reason ?? null, sliver_id: null, node_id: null, added: false };
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
