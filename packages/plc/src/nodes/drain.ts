import { type NodeId, type NodeName, type Principal, sliverName } from '@planetlab/model';
import { queueMail } from '../mail/queue.ts';
import { reselect } from '../selection/reselect.ts';
import { findSlice } from '../slices/store.ts';
import { removeSlivers } from '../slivers/store.ts';
import type { Store } from '../store/store.ts';

/** A sliver on a node that is to run empty. */
interface LeavingSliver {
  readonly slice: Awaited<ReturnType<typeof findSlice>>['name'];
  readonly node: NodeName;
  readonly nodeId: NodeId;
}

/**
 * Empties nodes that are drained. A slice that keeps a selector is placed elsewhere by it, and taken off the node once
 * everything that was added elsewhere runs; the people of another are told once, and choose. Level-triggered: what did not
 * work is tried again the next time.
 */
export async function tendDrains(store: Store, actor: Principal): Promise<void> {
  const failures: unknown[] = [];
  for (const sliver of await leavingSlivers(store)) {
    try {
      const moved = await moveAway(store, actor, sliver);
      if (!moved) await tellPeople(store, sliver);
    } catch (error) {
      failures.push(error); // one that cannot be moved is not in the way of the others
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} slivers could not leave their nodes`);
}

async function leavingSlivers(store: Store): Promise<LeavingSliver[]> {
  return store.db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .select(['slivers.slice', 'nodes.name as node', 'nodes.id as nodeId'])
    .where('slivers.wanted', '=', true)
    .where('nodes.drain', 'is not', null)
    .where('nodes.deleted_at', 'is', null)
    .orderBy('slivers.id')
    .limit(SLIVERS_A_ROUND)
    .execute();
}

/** The rest has its turn in the next rounds. */
const SLIVERS_A_ROUND = 500;

/** How long a node has to end what leaves it. */
const END_SECONDS = 600;

/** False when the slice keeps no selector. */
async function moveAway(store: Store, actor: Principal, { slice: name, node }: LeavingSliver): Promise<boolean> {
  const slice = await findSlice(store.db, name, store.now());
  const moved = await reselect(store, actor, slice, [node]);
  if (moved === undefined) return false;
  if (await allRunElsewhere(store, slice.id)) await removeSlivers(store, actor, slice, [node], END_SECONDS);
  return true;
}

/** Whether the slice has slivers on nodes that are not drained, and all of them run. */
async function allRunElsewhere(store: Store, sliceId: string): Promise<boolean> {
  const rows = await store.db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .select('slivers.state')
    .where('slivers.slice_id', '=', sliceId)
    .where('slivers.wanted', '=', true)
    .where('nodes.drain', 'is', null)
    .execute();
  return rows.length > 0 && rows.every(({ state }) => state === 'running');
}

/** Once for each drain: the mail that was queued says that it was. */
async function tellPeople(store: Store, { slice: name, node }: LeavingSliver): Promise<void> {
  const at = store.now();
  const sliver = sliverName(name, node);
  await store.db.transaction().execute(async (trx) => {
    const found = await trx.selectFrom('nodes').select('drain').where('name', '=', node).forUpdate().executeTakeFirst();
    if (found?.drain == null) return;
    const subject = `${sliver} has to leave its node`;
    const told = await trx
      .selectFrom('mails')
      .select('id')
      .where('kind', '=', 'node.drain')
      .where('subject', '=', subject)
      .where('at', '>=', new Date(found.drain.at))
      .limit(1)
      .executeTakeFirst();
    if (told !== undefined) return;
    const persons = await trx
      .selectFrom('slice_persons')
      .innerJoin('slices', 'slices.id', 'slice_persons.slice_id')
      .innerJoin('persons', 'persons.email', 'slice_persons.person')
      .select('slice_persons.person')
      .where('slices.name', '=', name)
      .where('slices.deleted_at', 'is', null)
      .where('persons.enabled', '=', true)
      .execute();
    const text = `The node ${node} is to run empty: ${found.drain.reason}\n\nThe sliver ${sliver} runs on for now. Put the slice on another node, bring over what you need, and take it off this one:\n\n  pl slice add-node ${name} NODE\n  pl slice remove-node ${name} ${node}\n`;
    await queueMail(trx, at, { to: persons.map(({ person }) => person), kind: 'node.drain', subject, text });
  });
}
