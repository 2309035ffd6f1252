import type { Operation } from '@planetlab/contract';
import { PlanetLabError, sliverName } from '@planetlab/model';
import type { Selectable } from 'kysely';
import { type Actor, isAdmin, isPiOf } from '../access/rules.ts';
import { record } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';
import type { OperationTable } from '../store/schema-operations.ts';
import type { Store } from '../store/store.ts';
import { applyChanges, entryOf } from './apply-changes.ts';
import { lockRunning } from './settle.ts';
import { findOperation, toOperation } from './store.ts';

/** Who began it, its slice's people and PI, and admins. */
export const mayCancel = (actor: Actor, operation: Selectable<OperationTable>, isMember: boolean): boolean =>
  isAdmin(actor) ||
  isMember ||
  operation.actor === actor.principal ||
  (operation.site !== null && isPiOf(actor, operation.site));

/** Ends an operation, unless it has ended. What it put on nodes and does not run yet is taken back; what runs stays. Throws `conflict`. */
export async function cancelOperation(store: Store, actor: Actor, id: string): Promise<Operation> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const operation = await lockRunning(trx, [id]).executeTakeFirst();
    if (operation === undefined) return toOperation(await findOperation(trx, actor, id)); // it has ended: as it did
    const items = await trx
      .selectFrom('operation_items')
      .select(['subject', 'goal', 'added', 'sliver_id', 'reason'])
      .where('operation_id', '=', id)
      .where('state', 'in', ['waiting', 'failed'])
      .execute();
    if (items.some(({ goal }) => goal === 'gone')) throw cannotBePutBack();
    const dropped = await trx
      .deleteFrom('pending_decisions')
      .where('operation_id', '=', id)
      .returning('subject')
      .execute();
    const undone = new Set(dropped.map(({ subject }) => subject));
    const nodes = await takeBack(
      trx,
      at,
      items.flatMap(({ added, sliver_id }) => (added && sliver_id !== null ? [sliver_id] : [])),
    );
    const changes = nodes.map(({ slice, node }) => ({ type: 'sliver', name: sliverName(slice, node) }) as const);
    const entry = { ...entryOf(operation), at, actor: actor.principal, kind: 'operation.cancel-requested' };
    await record(trx, { ...entry, after: { takenOff: nodes.map(({ node }) => node) } }, ...changes);
    // What is being done this very moment is told by whoever does it.
    const canceled = items
      .filter(({ goal, subject }) => goal !== 'none' || undone.has(subject))
      .map(({ subject, reason }) => ({ subject, reason, state: 'canceled' }) as const);
    const [ended = operation] = await applyChanges(trx, at, [{ operation, items: canceled }]);
    return toOperation(ended);
  });
}

const cannotBePutBack = () =>
  new PlanetLabError(
    'conflict',
    'What was taken off a node is gone with its data, and canceling does not bring it back. Let the operation end.',
  );

/** Those that run meanwhile stay. */
async function takeBack(trx: Trx, at: Date, slivers: readonly string[]) {
  if (slivers.length === 0) return [];
  return trx
    .updateTable('slivers')
    .from('nodes')
    .set({ wanted: false, unwanted_at: at, state: 'stopping', since: at, reason: null })
    .whereRef('nodes.id', '=', 'slivers.node_id')
    .where('slivers.id', 'in', slivers)
    .where('slivers.wanted', '=', true)
    .where('slivers.state', '!=', 'running')
    .returning(['slivers.slice', 'nodes.name as node'])
    .execute();
}
