import { randomUUID } from 'node:crypto';
import { type NodeMeasured, type PlcNode, Reboot } from '@planetlab/contract';
import { hashSecret, newSecret } from '@planetlab/credentials';
import { NodeId, type NodeName, type Place, PlanetLabError, type Principal, type SiteName } from '@planetlab/model';
import { sql } from 'kysely';
import { announce, record } from '../events/record.ts';
import { orAlreadyExists } from '../store/database.ts';
import { givenRows } from '../store/given-rows.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { together } from '../store/together.ts';
import { groupsOfNode, tagsOfNode } from '../tags/inherited.ts';
import { PROCESS_DEAD_AFTER_MS, serviceOf } from './liveness.ts';

/** The uplinks that count: held by a process that is alive. */
export const liveUplinks = (db: Db | Trx, now: Date) =>
  db
    .selectFrom('uplinks')
    .innerJoin('processes', 'processes.id', 'uplinks.process_id')
    .where('processes.heartbeat_at', '>', new Date(now.getTime() - PROCESS_DEAD_AFTER_MS))
    .select(['uplinks.node_id', 'uplinks.connected_at', 'processes.heartbeat_at']);

/** Whole, or without the features that a node has: their sentences are most of what nodes say of themselves. */
type Facts = 'whole' | 'brief';

const select = (db: Db | Trx, now: Date, facts: Facts) =>
  db
    .selectFrom('nodes')
    .leftJoin(liveUplinks(db, now).as('live'), 'live.node_id', 'nodes.id')
    .select(COLUMNS)
    .select((eb) => [
      'live.heartbeat_at',
      (facts === 'whole' ? wholeFacts : briefFacts).as('facts'),
      eb
        .selectFrom('slivers')
        .select((count) => count.fn.countAll<number>().as('count'))
        .whereRef('slivers.node_id', '=', 'nodes.id')
        .where('slivers.wanted', '=', true)
        .as('slivers'),
      invitedUntil.as('invited_until'),
      oldestNodeVersion.as('oldest_version'),
      (facts === 'whole' ? requiredFeatures : requiredAndLacking).as('required_features'),
      groupsOfNode.as('groups'),
      tagsOfNode.as('tags'),
    ])
    .where('nodes.deleted_at', 'is', null);

const COLUMNS = [
  ...(['nodes.id', 'nodes.name', 'nodes.site', 'nodes.place', 'nodes.addresses', 'nodes.interfaces'] as const),
  ...(['nodes.run_level', 'nodes.run_level_decision', 'nodes.drain', 'nodes.quarantine', 'nodes.reboot'] as const),
  ...(['nodes.trouble', 'nodes.refused', 'nodes.disconnected_because', 'nodes.held_off_until'] as const),
  ...(['nodes.created_at', 'nodes.joined_at', 'nodes.last_seen_at', 'nodes.certificate_expires_at'] as const),
  ...(['nodes.measured', 'nodes.availability'] as const),
] as const;

type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;

/** The end of the newest join token that could still be used, or could have been. */
const invitedUntil = sql<Date | null>`(select max(expires_at) from join_tokens
  where node_id = nodes.id and used_at is null and voided_at is null)`;
const oldestNodeVersion = sql<string | null>`(select value #>> '{}' from settings where key = 'oldestNodeVersion')`;
const requiredFeatures = sql<string[] | null>`(select value from settings where key = 'requiredFeatures')`;
const wholeFacts = sql<PlcNode['facts']>`nodes.facts`;
const briefFacts = sql<PlcNode['facts']>`(nodes.facts - 'features') || jsonb_build_object('features',
  jsonb_path_query_array(nodes.facts, '$.features[*] ? (@.available == false)'))`;
/** Of the required ones, those that cannot be looked up in brief facts. */
const requiredAndLacking = sql<string[] | null>`array(
  select wanted.feature from settings, jsonb_array_elements_text(value) as wanted (feature)
    where key = 'requiredFeatures' and not nodes.facts @> jsonb_build_object('features',
      jsonb_build_array(jsonb_build_object('feature', wanted.feature, 'available', true))))`;

function toNode(row: Row, now: Date): PlcNode {
  const lastSeenAt = row.heartbeat_at ?? row.last_seen_at;
  return {
    id: row.id,
    name: row.name,
    site: row.site,
    place: row.place,
    runLevel: row.run_level,
    runLevelDecision: row.run_level_decision,
    drain: row.drain,
    quarantine: row.quarantine,
    reboot: row.reboot === null ? null : Reboot.parse(row.reboot),
    interfaces: row.interfaces,
    addresses: [...(row.addresses ?? [])],
    certificateExpiresAt: row.certificate_expires_at?.toISOString() ?? null,
    ...stateOfRow(row, now),
    lastSeenAt: lastSeenAt?.toISOString() ?? null,
    createdAt: row.created_at.toISOString(),
    facts: row.facts,
    measured: row.measured,
    availability: row.availability,
    slivers: Number(row.slivers),
    groups: row.groups,
    tags: row.tags,
  };
}

function stateOfRow(row: Row, now: Date): Pick<PlcNode, 'state' | 'reason'> {
  const node = {
    name: row.name,
    joinedAt: row.joined_at,
    lastSeenAt: row.heartbeat_at ?? row.last_seen_at,
    connected: row.heartbeat_at !== null,
    trouble: row.trouble,
    invitedUntil: row.invited_until,
    refused: row.refused,
    disconnectedBecause: row.disconnected_because,
    heldOffUntil: row.held_off_until,
    runLevel: row.run_level,
    runLevelDecision: row.run_level_decision,
    drain: row.drain,
    quarantine: row.quarantine,
    reboot: row.reboot,
    facts: row.facts,
  };
  return serviceOf(node, { oldestVersion: row.oldest_version ?? '', features: row.required_features ?? [] }, now);
}

export const unknownNode = (...names: readonly NodeName[]) =>
  new PlanetLabError(
    'unknown_node',
    `There is no node ${names.map((name) => `"${name}"`).join(', ')} here. List the nodes with: pl node list`,
    { details: { nodes: names } },
  );

/** Throws `unknown_node`. */
export async function getNode(db: Db | Trx, name: NodeName, now: Date): Promise<PlcNode> {
  const row = await select(db, now, 'whole').where('nodes.name', '=', name).executeTakeFirst();
  if (row === undefined) throw unknownNode(name);
  return toNode(row, now);
}

export interface NodeFilter {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly site?: SiteName | undefined;
  readonly facts: Facts;
}

export async function listNodes(db: Db, filter: NodeFilter, now: Date): Promise<PlcNode[]> {
  const after = (filter.after ?? '') as NodeName; // a cursor, only compared
  let query = select(db, now, filter.facts).where('nodes.name', '>', after);
  if (filter.site !== undefined) query = query.where('nodes.site', '=', filter.site);
  const rows = await query.orderBy('nodes.name').limit(filter.limit).execute();
  return rows.map((row) => toNode(row, now));
}

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

/** What a node says of itself, or what was wrong when it was asked. */
export type FoundFacts = { readonly id: NodeId } & (
  | { readonly facts: PlcNode['facts']; readonly measured: NodeMeasured }
  | { readonly trouble: NonNullable<PlcNode['reason']> }
);

const FACTS_TOGETHER = 100;
const FACTS_COLUMNS = { id: 'uuid', facts: 'jsonb', trouble: 'jsonb', measured: 'jsonb' } as const;

/** Stores it, for many nodes at once. Watchers hear of it when it matters to them. */
export const createFactsStore = (store: Store): ((found: FoundFacts) => Promise<void>) =>
  together(FACTS_TOGETHER, async (batch) => {
    await store.db.transaction().execute((trx) => storeFacts(trx, batch));
    return batch.map(() => undefined);
  });

async function storeFacts(trx: Trx, batch: readonly FoundFacts[]): Promise<void> {
  const found = new Map(batch.map((each) => [each.id, each])); // the last of each node
  const before = await trx
    .selectFrom('nodes')
    .select(['id', 'name', 'facts', 'trouble', 'measured'])
    .where('id', 'in', [...found.keys()])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
  const after = before.flatMap((row) => {
    const said = found.get(row.id);
    if (said === undefined) return [];
    return 'facts' in said
      ? { ...row, ...said, trouble: null, isNew: row.trouble !== null || !sameFacts(row.facts, said.facts) }
      : { ...row, trouble: said.trouble, isNew: row.trouble?.message !== said.trouble.message };
  });
  const given = givenRows(
    FACTS_COLUMNS,
    after.map(({ id, facts, trouble, measured }) => ({ id, facts, trouble, measured })),
  );
  await sql`update nodes set facts = given.facts, trouble = given.trouble, measured = given.measured from ${given} where nodes.id = given.id`.execute(
    trx,
  );
  const changed = after.filter(({ isNew }) => isNew);
  await announce(trx, ...changed.map(({ name }) => ({ type: 'node', name, fromNode: true }) as const));
}

const sameFacts = (a: PlcNode['facts'], b: PlcNode['facts']): boolean => lasting(a) === lasting(b);

/** Without what is another at every look. */
const lasting = (facts: PlcNode['facts']): string => {
  const { clock: _clock, sensors: _sensors, ...rest } = facts ?? {};
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)));
};
