import { DAY_MS, type NodeId, type NodeName, Principal } from '@planetlab/model';
import { sql } from 'kysely';
import { announce, recordAll } from '../events/record.ts';
import { PROCESS_DEAD_AFTER_MS } from '../nodes/liveness.ts';
import { lockNodes } from '../nodes/lock-nodes.ts';
import { columnList, givenRows } from '../store/given-rows.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { together } from '../store/together.ts';
import { HELD_OFF_MS } from './flood.ts';

interface HeldUplink {
  readonly nodeId: NodeId;
  readonly nodeName: NodeName;
  readonly connectedAt: Date;
}

const MOST_TOGETHER = 250;

/** What is known of the node that a certificate names: it may have been removed, or joined anew. */
export const createNodeReader = (db: Db) =>
  together(MOST_TOGETHER, async (ids: readonly NodeId[]) => {
    const rows = await db
      .selectFrom('nodes')
      .select(['id', 'name', 'key_thumbprint', 'deleted_at', 'held_off_until'])
      .where(anyOf(ids))
      .execute();
    const found = new Map(rows.map((row) => [row.id, row]));
    return ids.map((id) => found.get(id));
  });

/** Of the table of nodes. However many they are, they are one parameter. */
const anyOf = (ids: readonly NodeId[]) => sql<boolean>`id = any(${ids}::uuid[])`;

const UPLINK_COLUMNS = { node_id: 'uuid', process_id: 'uuid', connected_at: 'timestamptz' } as const;

const givenUplinks = (processId: string, uplinks: readonly HeldUplink[]) =>
  givenRows(
    UPLINK_COLUMNS,
    uplinks.map(({ nodeId, connectedAt }) => ({ node_id: nodeId, process_id: processId, connected_at: connectedAt })),
  );

/** This process holds the node's uplink from now on. After a restart a thousand come at once. */
export const createConnectedStore = (store: Store, processId: string): ((uplink: HeldUplink) => Promise<void>) =>
  together(MOST_TOGETHER, async (batch) => {
    await store.db.transaction().execute((trx) => storeConnected(trx, store.now(), processId, batch));
    return batch.map(() => undefined);
  });

async function storeConnected(trx: Trx, at: Date, processId: string, batch: readonly HeldUplink[]): Promise<void> {
  const uplinks = [...new Map(batch.map((uplink) => [uplink.nodeId, uplink])).values()]; // the last of each node
  await sql`
    insert into uplinks (${columnList(UPLINK_COLUMNS)}) select * from ${givenUplinks(processId, uplinks)} order by node_id
    on conflict (node_id) do update
      set process_id = excluded.process_id, connected_at = excluded.connected_at`.execute(trx);
  await lockNodes(trx, uplinks.map(nodeIdOf));
  await trx
    .updateTable('nodes')
    .set({ last_seen_at: at, trouble: null, refused: null, disconnected_because: null, held_off_until: null })
    .where(anyOf(uplinks.map(nodeIdOf)))
    .execute();
  await recordNodes(trx, at, uplinks, 'node.connected', undefined);
}

export async function storeDisconnected(
  store: Store,
  processId: string,
  uplink: HeldUplink,
  { reason, flooded }: { readonly reason: string; readonly flooded: boolean },
): Promise<void> {
  const at = store.now();
  const heldOffUntil = flooded ? new Date(at.getTime() + HELD_OFF_MS) : null;
  await store.db.transaction().execute(async (trx) => {
    const gone = await trx
      .deleteFrom('uplinks')
      .where('node_id', '=', uplink.nodeId)
      .where('process_id', '=', processId)
      .where('connected_at', '=', uplink.connectedAt)
      .returning('node_id')
      .executeTakeFirst();
    if (gone === undefined) return; // another connection has taken its place
    await trx
      .updateTable('nodes')
      .set({ last_seen_at: at, disconnected_because: reason, held_off_until: heldOffUntil })
      .where('id', '=', uplink.nodeId)
      .execute();
    if (flooded) await recordNodes(trx, at, [uplink], 'node.flooded', { reason, heldOffUntil });
    await recordNodes(trx, at, [uplink], 'node.disconnected', { reason });
  });
}

type NamedNode = Pick<HeldUplink, 'nodeId' | 'nodeName'>;

async function recordNodes(
  trx: Trx,
  at: Date,
  nodes: readonly NamedNode[],
  kind: string,
  after: unknown,
): Promise<void> {
  const rows = await trx
    .selectFrom('nodes')
    .select(['id', 'site'])
    .where(anyOf(nodes.map(nodeIdOf)))
    .execute();
  const sites = new Map(rows.map(({ id, site }) => [id, site]));
  const entries = nodes.map(({ nodeId, nodeName }) => {
    const site = sites.get(nodeId);
    const actor = Principal.parse(`node:${nodeName}`);
    return { at, actor, kind, subject: nodeName, ...(site === undefined ? {} : { site }), after };
  });
  await recordAll(trx, entries);
  await announceNodes(trx, nodes);
}

/** Not their slivers: that these can be reached or not follows from it, and a thousand nodes that come back have very many. */
const announceNodes = (trx: Trx, nodes: readonly NamedNode[]): Promise<void> =>
  announce(trx, ...nodes.map(({ nodeName }) => ({ type: 'node', name: nodeName, fromNode: true }) as const));

/** What a process says of itself. */
export interface ThisProcess {
  readonly id: string;
  readonly startedAt: Date;
  /** Undefined until it listens. */
  readonly address: string | undefined;
}

/**
 * Says that this process is alive and which uplinks it holds, so that its rows are right whatever was missed before.
 * Gives the nodes of those that another process holds by now.
 */
export async function storeHeartbeat(
  store: Store,
  { id: processId, startedAt, address: known }: ThisProcess,
  held: readonly HeldUplink[],
): Promise<readonly NodeId[]> {
  const at = store.now();
  const address = known ?? null;
  return store.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('processes')
      .values({ id: processId, started_at: startedAt, heartbeat_at: at, address })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ heartbeat_at: at, address }))
      .execute();
    const ids = held.map(({ nodeId }) => nodeId);
    // One that is younger may have come since the list was made.
    const before = new Date(at.getTime() - PROCESS_DEAD_AFTER_MS);
    await trx
      .deleteFrom('uplinks')
      .where('process_id', '=', processId)
      .where('connected_at', '<', before)
      .where(sql<boolean>`node_id <> all(${ids}::uuid[])`)
      .execute();
    if (held.length === 0) return [];
    await sql`
      insert into uplinks (${columnList(UPLINK_COLUMNS)})
      select * from ${givenUplinks(processId, held)} order by node_id on conflict do nothing`.execute(trx);
    const others = await trx
      .selectFrom('uplinks')
      .select(['node_id', 'connected_at'])
      .where(sql<boolean>`node_id = any(${ids}::uuid[])`)
      .where('process_id', '!=', processId)
      .execute();
    const since = new Map(others.map(({ node_id, connected_at }) => [node_id, connected_at]));
    return held.filter(({ nodeId, connectedAt }) => (since.get(nodeId) ?? connectedAt) > connectedAt).map(nodeIdOf);
  });
}

const nodeIdOf = ({ nodeId }: NamedNode): NodeId => nodeId;

/** The process that holds a node's uplink, if it is alive and another one. */
export async function findHolder(
  store: Store,
  processId: string,
  node: NodeId,
): Promise<{ readonly processId: string; readonly address: string | null } | undefined> {
  const row = await store.db
    .selectFrom('uplinks')
    .innerJoin('processes', 'processes.id', 'uplinks.process_id')
    .select(['processes.id', 'processes.address'])
    .where('uplinks.node_id', '=', node)
    .where('processes.id', '!=', processId)
    .where('processes.heartbeat_at', '>', new Date(store.now().getTime() - PROCESS_DEAD_AFTER_MS))
    .executeTakeFirst();
  return row === undefined ? undefined : { processId: row.id, address: row.address };
}

/** Whether a process is one of those that share this database, and alive. */
export async function isLiveProcess(store: Store, processId: string): Promise<boolean> {
  const row = await store.db
    .selectFrom('processes')
    .select('id')
    .where('id', '=', processId)
    .where('heartbeat_at', '>', new Date(store.now().getTime() - PROCESS_DEAD_AFTER_MS))
    .executeTakeFirst();
  return row !== undefined;
}

/** Forgets processes that are dead, and with them the uplinks they held. `all`: every one but this. */
export async function reapProcesses(store: Store, processId: string, all: boolean): Promise<void> {
  const at = store.now();
  const deadBefore = all ? new Date(at.getTime() + DAY_MS) : new Date(at.getTime() - PROCESS_DEAD_AFTER_MS);
  await store.db.transaction().execute(async (trx) => {
    const lost = await trx
      .selectFrom('uplinks')
      .innerJoin('processes', 'processes.id', 'uplinks.process_id')
      .innerJoin('nodes', 'nodes.id', 'uplinks.node_id')
      .select(['nodes.id', 'nodes.name', 'processes.heartbeat_at'])
      .where('processes.id', '!=', processId)
      .where('processes.heartbeat_at', '<', deadBefore)
      .execute();
    for (const { id, heartbeat_at } of lost) {
      await trx.updateTable('nodes').set({ last_seen_at: heartbeat_at }).where('id', '=', id).execute();
    }
    await trx.deleteFrom('processes').where('id', '!=', processId).where('heartbeat_at', '<', deadBefore).execute();
    await announceNodes(
      trx,
      lost.map(({ id, name }) => ({ nodeId: id, nodeName: name })),
    );
  });
}

export async function forgetProcess(store: Store, processId: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('nodes')
      .set({ last_seen_at: at })
      .where('id', 'in', (eb) => eb.selectFrom('uplinks').select('node_id').where('process_id', '=', processId))
      .execute();
    await trx.deleteFrom('processes').where('id', '=', processId).execute();
  });
}
