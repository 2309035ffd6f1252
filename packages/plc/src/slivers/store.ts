import { randomUUID } from 'node:crypto';
import type { Operation, Reason, Sliver } from '@planetlab/contract';
import type { NodeId, NodeName, Principal, SliceName } from '@planetlab/model';
import { formatTime, PlanetLabError, sliverName } from '@planetlab/model';
import { sql } from 'kysely';
import { type Actor, isAdmin } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { nodeStateOf } from '../nodes/liveness.ts';
import { unknownNode } from '../nodes/store.ts';
import { type NewItem, startOperation } from '../operations/start.ts';
import { type StoredSlice, visibleSliceIds } from '../slices/store.ts';
import { columnList, givenRows } from '../store/given-rows.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** One row for each pair of slice and node: of an old sliver that still ends and a new one, the new one. */
const select = (db: Db | Trx, now: Date) =>
  db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .leftJoin(liveUplinks(db, now).as('live'), 'live.node_id', 'slivers.node_id')
    .distinctOn(['slivers.slice', 'nodes.name'])
    .select(COLUMNS)
    .select(sql<boolean>`live.node_id is not null`.as('connected'))
    .orderBy('slivers.slice')
    .orderBy('nodes.name')
    .orderBy('slivers.wanted', 'desc')
    .orderBy('slivers.requested_at', 'desc');

const COLUMNS = [
  ...(['slivers.id', 'slivers.slice', 'slivers.node_id', 'slivers.requested_at', 'slivers.state'] as const),
  ...(['slivers.reason', 'slivers.since', 'slivers.time_to_running_ms', 'slivers.lease_id'] as const),
  ...(['slivers.lease_expires_at', 'slivers.ipv4', 'slivers.ipv6'] as const),
  ...(['nodes.name as node', 'nodes.joined_at', 'nodes.last_seen_at', 'nodes.ssh'] as const),
] as const;

type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;

function toSliver(row: Row, now: Date): Sliver {
  return {
    slice: row.slice,
    node: row.node,
    ...(row.connected
      ? { state: row.state, reason: row.reason, since: row.since.toISOString() }
      : unreachable(row, now)),
    requestedAt: row.requested_at.toISOString(),
    timeToRunningMs: row.time_to_running_ms,
    leaseId: row.lease_id,
    leaseExpiresAt: row.lease_expires_at?.toISOString() ?? null,
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    ssh: row.ssh,
  };
}

/** What the row says was true when its node was last heard of; it is true again as soon as the node is back. */
function unreachable(row: Row, now: Date): { state: 'unreachable'; reason: Reason; since: string } {
  const node = {
    name: row.node,
    joinedAt: row.joined_at,
    lastSeenAt: row.last_seen_at,
    connected: false,
    trouble: null,
  };
  const { reason } = nodeStateOf(node);
  const lease =
    row.lease_expires_at !== null && row.lease_expires_at > now
      ? ` The sliver was ${row.state}; its lease holds until ${formatTime(row.lease_expires_at)}.`
      : '';
  const since = row.last_seen_at !== null && row.last_seen_at > row.requested_at ? row.last_seen_at : row.requested_at;
  return {
    state: 'unreachable',
    reason: { code: reason?.code ?? 'node_unreachable', message: `The node: ${reason?.message ?? ''}${lease}` },
    since: since.toISOString(),
  };
}

export interface SliverFilter {
  readonly limit: number;
  /** `slice@node`, exclusive. */
  readonly after?: string | undefined;
  readonly slice?: SliceName | undefined;
  readonly node?: NodeName | undefined;
}

export async function listSlivers(db: Db, actor: Actor, filter: SliverFilter, now: Date): Promise<Sliver[]> {
  let query = select(db, now);
  if (filter.slice !== undefined) query = query.where('slivers.slice', '=', filter.slice);
  if (filter.node !== undefined) query = query.where('nodes.name', '=', filter.node);
  if (filter.after !== undefined) {
    const [slice = '', node = ''] = filter.after.split('@');
    query = query.where((eb) =>
      eb(eb.refTuple('slivers.slice', 'nodes.name'), '>', eb.tuple(slice as SliceName, node as NodeName)),
    );
  }
  if (!isAdmin(actor)) query = query.where('slivers.slice_id', 'in', visibleSliceIds(db, actor));
  return (await query.limit(filter.limit).execute()).map((row) => toSliver(row, now));
}

/** The wanted sliver of a slice on a node. Throws `unknown_sliver`. */
export async function findWantedSliver(
  db: Db | Trx,
  slice: StoredSlice,
  node: NodeName,
): Promise<{ readonly id: string; readonly nodeId: NodeId }> {
  const row = await db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .select(['slivers.id', 'slivers.node_id'])
    .where('slivers.slice_id', '=', slice.id)
    .where('slivers.wanted', '=', true)
    .where('nodes.name', '=', node)
    .where('nodes.deleted_at', 'is', null)
    .executeTakeFirst();
  if (row !== undefined) return { id: row.id, nodeId: row.node_id };
  throw unknownSliver(slice.name, node);
}

/** How many nodes a slice would be on with these added. */
export async function nodesWith(db: Db, slice: StoredSlice, names: readonly NodeName[]): Promise<number> {
  const rows = await db
    .selectFrom('slivers')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .select('nodes.name')
    .where('slivers.slice_id', '=', slice.id)
    .where('slivers.wanted', '=', true)
    .execute();
  return new Set([...rows.map(({ name }) => name), ...names]).size;
}

/** Those that are there already stay as they are. Throws `unknown_node`, naming all that are. */
export async function addSlivers(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  names: readonly NodeName[],
  deadlineSeconds: number,
): Promise<{ readonly operation: Operation; readonly items: Sliver[] }> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const nodes = await trx
      .selectFrom('nodes')
      .select(['id', 'name'])
      .where('name', 'in', names)
      .where('deleted_at', 'is', null)
      .execute();
    const known = new Set(nodes.map(({ name }) => name));
    const missing = names.filter((name) => !known.has(name));
    if (missing.length > 0) throw unknownNode(...missing);
    const rows = nodes.map(({ id }) => newRow(slice, id, at));
    const added = await sql<{ node_id: NodeId }>`
      insert into slivers (${columnList(NEW_COLUMNS)}) select * from ${givenRows(NEW_COLUMNS, rows)}
      on conflict (slice_id, node_id) where wanted do nothing returning node_id`.execute(trx);
    const addedIds = new Set(added.rows.map(({ node_id }) => node_id));
    const addedNames = nodes.filter(({ id }) => addedIds.has(id)).map(({ name }) => name);
    if (addedNames.length > 0) await recordAdded(trx, at, actor, slice, addedNames);
    const slivers = await select(trx, at)
      .where('slivers.slice_id', '=', slice.id)
      .where('nodes.name', 'in', names)
      .where('slivers.wanted', '=', true)
      .execute();
    const operation = await startOperation(trx, {
      ...{ at, actor, kind: 'slivers.add', subject: slice.name, slice, site: slice.site, deadlineSeconds },
      items: slivers.map((row) => itemOf('running', row, addedIds.has(row.node_id))),
    });
    return { operation, items: slivers.map((row) => toSliver(row, at)) };
  });
}

/** The item of an operation that is about this sliver. */
const itemOf = (
  goal: 'running' | 'gone',
  row: Pick<Row, 'id' | 'slice' | 'node' | 'node_id'>,
  added: boolean,
): NewItem => ({
  ...{ goal, added, subject: sliverName(row.slice, row.node), slice: row.slice, node: row.node },
  ...{ nodeId: row.node_id, sliverId: row.id },
});

const NEW_COLUMNS = {
  ...({ id: 'uuid', slice_id: 'uuid', slice: 'text', node_id: 'uuid' } as const),
  ...({ requested_at: 'timestamptz', state: 'text', since: 'timestamptz' } as const),
};

const newRow = (slice: StoredSlice, node: NodeId, at: Date) => ({
  id: randomUUID(),
  slice_id: slice.id,
  slice: slice.name,
  node_id: node,
  requested_at: at,
  state: 'requested' as const,
  since: at,
});

async function recordAdded(trx: Trx, at: Date, actor: Principal, slice: StoredSlice, nodes: readonly NodeName[]) {
  const entry = {
    at,
    actor,
    kind: 'slice.nodes-added',
    subject: slice.name,
    site: slice.site,
    slice: slice.name,
    after: { nodes },
  };
  const changes = nodes.map((node) => ({ type: 'sliver', name: sliverName(slice.name, node) }) as const);
  await record(trx, entry, ...changes);
}

/** Off these nodes, or off all. Throws `unknown_sliver` when it is on none of them. */
export async function removeSlivers(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  names: readonly NodeName[] | undefined,
  deadlineSeconds: number,
): Promise<Operation> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    let query = trx
      .updateTable('slivers')
      .from('nodes')
      .set({ wanted: false, unwanted_at: at, state: 'stopping', since: at, reason: null })
      .whereRef('nodes.id', '=', 'slivers.node_id')
      .where('slivers.slice_id', '=', slice.id)
      .where('slivers.wanted', '=', true);
    if (names !== undefined) query = query.where('nodes.name', 'in', names);
    const gone = await query
      .returning(['slivers.id', 'slivers.slice', 'slivers.node_id', 'nodes.name as node'])
      .execute();
    if (gone.length === 0) throw unknownSliver(slice.name, names?.[0]);
    const nodes = gone.map(({ node }) => node);
    const entry = { at, actor, kind: 'slice.nodes-removed', subject: slice.name, site: slice.site, slice: slice.name };
    const changes = nodes.map((node) => ({ type: 'sliver', name: sliverName(slice.name, node) }) as const);
    await record(trx, { ...entry, before: { nodes } }, ...changes);
    return startOperation(trx, {
      ...{ at, actor, kind: 'slivers.remove', subject: slice.name, slice, site: slice.site, deadlineSeconds },
      items: gone.map((row) => itemOf('gone', row, false)),
    });
  });
}

const unknownSliver = (slice: SliceName, node: NodeName | undefined) =>
  new PlanetLabError(
    'unknown_sliver',
    node === undefined
      ? `The slice ${slice} is on no node.`
      : `The slice ${slice} is not on the node "${node}". Put it there with: pl slice add-node ${slice} ${node}`,
  );
