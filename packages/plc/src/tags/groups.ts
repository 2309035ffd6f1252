import type { GroupName, NodeGroup, PlcNode } from '@planetlab/contract';
import { PlanetLabError, type Principal, type SiteName } from '@planetlab/model';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { announce, record } from '../events/record.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { requireTagsFit } from './node-tags.ts';

const select = (db: Db | Trx) =>
  db
    .selectFrom('node_groups')
    .selectAll('node_groups')
    .select((eb) => [
      jsonArrayFrom(
        eb
          .selectFrom('node_group_members')
          .innerJoin('nodes', 'nodes.id', 'node_group_members.node_id')
          .select('nodes.name')
          .whereRef('node_group_members.group_name', '=', 'node_groups.name')
          .where('nodes.deleted_at', 'is', null)
          .orderBy('nodes.name'),
      ).as('nodes'),
      jsonArrayFrom(
        eb
          .selectFrom('node_group_tags')
          .select(['key', 'value'])
          .whereRef('node_group_tags.group_name', '=', 'node_groups.name')
          .orderBy('key'),
      ).as('tags'),
    ]);

type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;

const toGroup = (row: Row): NodeGroup => ({
  name: row.name,
  site: row.site,
  description: row.description,
  tags: Object.fromEntries(row.tags.map(({ key, value }) => [key, value])),
  nodes: row.nodes.map(({ name }) => name),
  createdAt: row.created_at.toISOString(),
});

/** Throws `unknown_group`. */
export async function getGroup(db: Db | Trx, name: GroupName): Promise<NodeGroup> {
  const row = await select(db).where('name', '=', name).executeTakeFirst();
  if (row !== undefined) return toGroup(row);
  throw new PlanetLabError(
    'unknown_group',
    `There is no group "${name}" here. List the groups of nodes with: pl group list`,
  );
}

export async function listGroups(db: Db, limit: number, after = ''): Promise<NodeGroup[]> {
  const later = select(db).where('name', '>', after as GroupName); // a cursor, only compared
  return (await later.orderBy('name').limit(limit).execute()).map(toGroup);
}

export async function createGroup(
  store: Store,
  actor: Principal,
  input: { readonly name: GroupName; readonly site: SiteName | null; readonly description: string },
): Promise<NodeGroup> {
  const at = store.now();
  const insert = store.db.transaction().execute(async (trx) => {
    await trx
      .insertInto('node_groups')
      .values({ ...input, created_at: at })
      .execute();
    await record(trx, { ...entryOf(at, actor, input, 'group.created'), after: input });
    return getGroup(trx, input.name);
  });
  return orAlreadyExists(insert, `There is a group "${input.name}" already.`);
}

export async function deleteGroup(store: Store, actor: Principal, group: NodeGroup): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('node_groups').where('name', '=', group.name).execute();
    await record(trx, { ...entryOf(at, actor, group, 'group.deleted'), before: group });
    await announceNodes(trx, group);
  });
}

/** What every change of a group has in common; its nodes have changed with it. */
async function changeGroup(
  store: Store,
  actor: Principal,
  group: NodeGroup,
  kind: string,
  after: unknown,
  change: (trx: Trx) => Promise<void>,
): Promise<NodeGroup> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await change(trx);
    const changed = await getGroup(trx, group.name);
    await record(trx, { ...entryOf(at, actor, group, kind), after });
    await announceNodes(trx, { nodes: [...new Set([...group.nodes, ...changed.nodes])] });
    return changed;
  });
}

export const addNodeToGroup = (store: Store, actor: Principal, group: NodeGroup, node: PlcNode): Promise<NodeGroup> =>
  changeGroup(store, actor, group, 'group.node-added', { node: node.name }, async (trx) => {
    const row = { group_name: group.name, node_id: node.id };
    await trx
      .insertInto('node_group_members')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });

export const removeNodeFromGroup = (
  store: Store,
  actor: Principal,
  group: NodeGroup,
  node: PlcNode,
): Promise<NodeGroup> =>
  changeGroup(store, actor, group, 'group.node-removed', { node: node.name }, async (trx) => {
    const members = trx.deleteFrom('node_group_members').where('group_name', '=', group.name);
    await members.where('node_id', '=', node.id).execute();
  });

export const setGroupTag = (
  store: Store,
  actor: Principal,
  group: NodeGroup,
  key: string,
  value: string,
): Promise<NodeGroup> =>
  changeGroup(store, actor, group, 'group.tag-set', { [key]: value }, async (trx) => {
    requireTagsFit(new Set([...Object.keys(group.tags), key]).size);
    await trx
      .insertInto('node_group_tags')
      .values({ group_name: group.name, key, value })
      .onConflict((conflict) => conflict.columns(['group_name', 'key']).doUpdateSet({ value }))
      .execute();
  });

export const deleteGroupTag = (store: Store, actor: Principal, group: NodeGroup, key: string): Promise<NodeGroup> =>
  changeGroup(store, actor, group, 'group.tag-deleted', { [key]: null }, async (trx) => {
    await trx.deleteFrom('node_group_tags').where('group_name', '=', group.name).where('key', '=', key).execute();
  });

type Owned = { readonly name: GroupName; readonly site: SiteName | null };

const entryOf = (at: Date, actor: Principal, { name, site }: Owned, kind: string) => ({
  at,
  actor,
  kind,
  subject: name,
  ...(site === null ? {} : { site }),
});

const announceNodes = (trx: Trx, { nodes }: Pick<NodeGroup, 'nodes'>): Promise<void> =>
  announce(trx, ...nodes.map((name) => ({ type: 'node', name }) as const));
