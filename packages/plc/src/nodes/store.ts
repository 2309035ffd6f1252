import { randomUUID } from 'node:crypto';
import type { PlcNode } from '@planetlab/contract';
import { hashSecret, newSecret } from '@planetlab/credentials';
import { NodeId, type NodeName, type Place, PlanetLabError, type Principal, type SiteName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { readBeside } from './beside.ts';
import { liveUplinks } from './live-uplinks.ts';
import { type Facts, lastingOf, selectRows, standingOf } from './rows.ts';

export const unknownNode = (...names: readonly NodeName[]) =>
  new PlanetLabError(
    'unknown_node',
    `There is no node ${names.map((name) => `"${name}"`).join(', ')} here. List the nodes with: pl node list`,
    { details: { nodes: names } },
  );

/** Throws `unknown_node`. */
export async function getNode(db: Db | Trx, name: NodeName, now: Date): Promise<PlcNode> {
  const [node] = await readNodes(db, selectRows(db, 'whole').where('nodes.name', '=', name), now);
  if (node === undefined) throw unknownNode(name);
  return node;
}

export interface NodeFilter {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly facts: Facts;
}

/** In the order of their names. */
export async function listNodes(db: Db, filter: NodeFilter, now: Date): Promise<PlcNode[]> {
  const after = (filter.after ?? '') as NodeName; // a cursor, only compared
  const rows = selectRows(db, filter.facts).where('nodes.name', '>', after);
  return readNodes(db, rows.orderBy('nodes.name').limit(filter.limit), now);
}

async function readNodes(db: Db | Trx, query: ReturnType<typeof selectRows>, now: Date): Promise<PlcNode[]> {
  const live = liveUplinks(db, now).as('live');
  const rows = await query.leftJoin(live, 'live.node_id', 'nodes.id').select('live.heartbeat_at').execute();
  const beside = await readBeside(db, rows.map(nodeIdOf));
  return rows.map((row) => {
    const { invitedUntil, shown } = beside.of(row.id);
    return { ...lastingOf(row), ...standingOf(row, invitedUntil, row.heartbeat_at, now), ...shown };
  });
}

const nodeIdOf = ({ id }: { readonly id: NodeId }): NodeId => id;

export interface NewNodeInput {
  readonly name: NodeName;
  readonly site: SiteName;
  readonly place: Place | null;
}

export async function createNode(store: Store, actor: Principal, input: NewNodeInput): Promise<PlcNode> {
  const at = store.now();
  const insert = store.db.transaction().execute(async (trx) => {
    const place = input.place === null ? null : JSON.stringify(input.place);
    const row = { id: NodeId.parse(randomUUID()), name: input.name, site: input.site, place, created_at: at };
    await trx.insertInto('nodes').values(row).execute();
    const entry = { at, actor, kind: 'node.registered', subject: input.name, site: input.site, after: input };
    await record(trx, entry, { type: 'node', name: input.name }, { type: 'site', name: input.site });
    return getNode(trx, input.name, at);
  });
  return orAlreadyExists(
    insert,
    `There is a node "${input.name}" already. To set up its machine anew, invite it again.`,
  );
}

/** A new secret for one join; earlier ones stop working. */
export async function inviteNode(
  store: Store,
  actor: Principal,
  node: PlcNode,
  expiresAt: Date,
): Promise<{ secret: string }> {
  const at = store.now();
  const secret = newSecret();
  await store.db.transaction().execute(async (trx) => {
    await trx
      .updateTable('join_tokens')
      .set({ voided_at: at })
      .where('node_id', '=', node.id)
      .where('used_at', 'is', null)
      .where('voided_at', 'is', null)
      .execute();
    const row = { hash: hashSecret(secret), node_id: node.id, created_at: at, expires_at: expiresAt };
    await trx
      .insertInto('join_tokens')
      .values({ ...row, used_at: null, voided_at: null })
      .execute();
    const after = { expiresAt };
    await record(trx, { at, actor, kind: 'node.invited', subject: node.name, site: node.site, after });
  });
  return { secret };
}

/** Forgets a node: its certificate no longer counts, its slivers are ended while it is still connected. */
export async function deleteNode(store: Store, actor: Principal, node: PlcNode): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx.updateTable('nodes').set({ deleted_at: at }).where('id', '=', node.id).execute();
    await trx
      .updateTable('join_tokens')
      .set({ voided_at: at })
      .where('node_id', '=', node.id)
      .where('voided_at', 'is', null)
      .execute();
    const ended = await trx
      .updateTable('slivers')
      .set({ wanted: false, unwanted_at: at, state: 'stopping', since: at })
      .where('node_id', '=', node.id)
      .where('wanted', '=', true)
      .returning('slice')
      .execute();
    const entry = { at, actor, kind: 'node.deleted', subject: node.name, site: node.site, before: node };
    const slices = ended.map(({ slice }) => ({ type: 'slice', name: slice }) as const);
    await record(trx, entry, { type: 'node', name: node.name }, { type: 'site', name: node.site }, ...slices);
  });
}

/** The node a certificate names, if it still counts. */
export async function findNodeById(db: Db | Trx, id: NodeId) {
  return db
    .selectFrom('nodes')
    .select(['id', 'name', 'site', 'key_thumbprint', 'addresses', 'deleted_at', 'held_off_until'])
    .where('id', '=', id)
    .executeTakeFirst();
}
