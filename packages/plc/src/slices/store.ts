import { randomUUID } from 'node:crypto';
import type { Slice } from '@planetlab/contract';
import type { ImageName, PersonEmail, Principal, Resources, ResourcesChange, SliceName } from '@planetlab/model';
import { changedResources, DAY_MS, PlanetLabError, sameResources, siteOfSlice } from '@planetlab/model';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { type Actor, isAdmin, sitesOf } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { getPerson, orNothing } from '../persons/store.ts';
import { getSettings } from '../settings/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

const select = (db: Db | Trx, now: Date) =>
  db
    .selectFrom('slices')
    .selectAll('slices')
    .select((eb) => [
      jsonArrayFrom(
        eb
          .selectFrom('slice_persons')
          .select('slice_persons.person')
          .whereRef('slice_persons.slice_id', '=', 'slices.id')
          .orderBy('slice_persons.person'),
      ).as('persons'),
      jsonArrayFrom(
        eb
          .selectFrom('slice_suspensions')
          .select(['cause', 'reason', 'at', 'actor'])
          .whereRef('slice_suspensions.slice_id', '=', 'slices.id')
          .orderBy('at'),
      ).as('suspensions'),
      eb
        .selectFrom('slivers')
        .leftJoin(liveUplinks(db, now).as('live'), 'live.node_id', 'slivers.node_id')
        .select((count) => [
          count.fn
            .jsonAgg(count.and([count('slivers.state', '=', 'running'), count('live.node_id', 'is not', null)]))
            .as('running'),
        ])
        .whereRef('slivers.slice_id', '=', 'slices.id')
        .where('slivers.wanted', '=', true)
        .as('placed'),
    ])
    .where('slices.deleted_at', 'is', null);

type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;

const toSlice = (row: Row): Slice => ({
  name: row.name,
  site: row.site,
  description: row.description,
  url: row.url,
  image: row.image,
  resources: row.resources,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  persons: row.persons.map(({ person }) => person),
  slivers: row.placed?.length ?? 0,
  running: row.placed?.filter(Boolean).length ?? 0,
  initialCommand: row.initial_command,
  maxNodes: row.max_nodes,
  suspensions: row.suspensions.map(({ cause, reason, at, actor }) => ({
    cause,
    reason,
    at: new Date(at).toISOString(),
    by: actor,
  })),
});

/** A slice with the id of its row: a name can come back after a slice was deleted, an id cannot. */
export interface StoredSlice extends Slice {
  readonly id: string;
}

/** Throws `unknown_slice`. */
export async function findSlice(db: Db | Trx, name: SliceName, now: Date): Promise<StoredSlice> {
  const row = await select(db, now).where('slices.name', '=', name).executeTakeFirst();
  if (row !== undefined) return { ...toSlice(row), id: row.id };
  throw new PlanetLabError('unknown_slice', `There is no slice "${name}" here. List yours with: pl slice list`);
}

export async function getSlice(db: Db | Trx, name: SliceName, now: Date): Promise<Slice> {
  const { id: _, ...slice } = await findSlice(db, name, now);
  return slice;
}

/** Ids of the slices that an actor may see: own ones and those of own sites. Not for admins, who see all. */
export const visibleSliceIds = (db: Db | Trx, actor: Actor) =>
  db
    .selectFrom('slices as visible')
    .select('visible.id')
    .where((eb) =>
      eb.or([
        eb('visible.site', 'in', orNothing(sitesOf(actor))),
        eb(
          'visible.id',
          'in',
          eb
            .selectFrom('slice_persons')
            .select('slice_persons.slice_id')
            .where('slice_persons.person', '=', actor.email),
        ),
      ]),
    );

export async function listSlices(db: Db, actor: Actor, now: Date, limit: number, after = ''): Promise<Slice[]> {
  let query = select(db, now).where('slices.name', '>', after as SliceName); // a cursor, only compared
  if (!isAdmin(actor)) query = query.where('slices.id', 'in', visibleSliceIds(db, actor));
  return (await query.orderBy('slices.name').limit(limit).execute()).map(toSlice);
}

export interface NewSliceInput {
  readonly name: SliceName;
  readonly description: string;
  readonly url: string;
  readonly image: ImageName;
  readonly resources: Resources;
  readonly initialCommand: string;
  readonly persons: readonly PersonEmail[];
}

/** Throws `already_exists`, `unknown_person`, `quota_exceeded`. */
export async function createSlice(store: Store, actor: Principal, input: NewSliceInput): Promise<Slice> {
  const at = store.now();
  const site = siteOfSlice(input.name);
  const insert = store.db.transaction().execute(async (trx) => {
    const settings = await getSettings(trx);
    const id = randomUUID();
    const row = {
      id,
      name: input.name,
      site,
      description: input.description,
      url: input.url,
      image: input.image,
      resources: JSON.stringify(input.resources),
      created_at: at,
      expires_at: new Date(at.getTime() + settings.sliceLifeDays * DAY_MS),
      initial_command: input.initialCommand,
    };
    await trx.insertInto('slices').values(row).execute();
    for (const person of new Set(input.persons)) {
      await getPerson(trx, person);
      await trx.insertInto('slice_persons').values({ slice_id: id, person }).execute();
    }
    const entry = { at, actor, kind: 'slice.created', subject: input.name, site, slice: input.name, after: input };
    await record(trx, entry, { type: 'slice', name: input.name }, { type: 'site', name: site });
    return getSlice(trx, input.name, at);
  });
  return orAlreadyExists(insert, `There is a slice "${input.name}" already.`);
}

/** What every later change of a slice has in common: the slice as it is, a change, its event. */
export async function changeSlice(
  store: Store,
  actor: Principal,
  name: SliceName,
  kind: string,
  change: (trx: Trx, slice: StoredSlice) => Promise<{ before: unknown; after: unknown } | undefined>,
): Promise<Slice> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const slice = await findSlice(trx, name, at);
    const changed = await change(trx, slice);
    if (changed === undefined) return getSlice(trx, name, at);
    const entry = { at, actor, kind, subject: name, site: slice.site, slice: name, ...changed };
    await record(trx, entry, { type: 'slice', name });
    return getSlice(trx, name, at);
  });
}

export const renewSlice = (store: Store, actor: Principal, name: SliceName, expiresAt: Date): Promise<Slice> =>
  changeSlice(store, actor, name, 'slice.renewed', async (trx, slice) => {
    await trx.updateTable('slices').set({ expires_at: expiresAt }).where('id', '=', slice.id).execute();
    return { before: { expiresAt: slice.expiresAt }, after: { expiresAt } };
  });

/** The slivers' nodes are asked for the new resources by the broker. Throws `malformed_request` for what does not fit together. */
export const changeResources = (
  store: Store,
  actor: Principal,
  name: SliceName,
  change: ResourcesChange,
): Promise<Slice> =>
  changeSlice(store, actor, name, 'slice.resources-changed', async (trx, slice) => {
    const resources = resourcesAfter(slice.resources, change);
    if (sameResources(resources, slice.resources)) return undefined;
    await trx
      .updateTable('slices')
      .set({ resources: JSON.stringify(resources) })
      .where('id', '=', slice.id)
      .execute();
    // why a node refused other resources says nothing about these
    const running = trx.updateTable('slivers').set({ reason: null }).where('slice_id', '=', slice.id);
    await running.where('wanted', '=', true).where('state', '=', 'running').execute();
    return { before: { resources: slice.resources }, after: { resources } };
  });

function resourcesAfter(before: Resources, change: ResourcesChange): Resources {
  try {
    return changedResources(before, change);
  } catch (cause) {
    const why = 'These resources do not fit together: the guaranteed egress rate is at most the highest.';
    throw new PlanetLabError('malformed_request', why, { cause });
  }
}

export const addPerson = (store: Store, actor: Principal, name: SliceName, person: PersonEmail): Promise<Slice> =>
  changeSlice(store, actor, name, 'slice.person-added', async (trx, slice) => {
    await getPerson(trx, person);
    if (slice.persons.includes(person)) return undefined;
    await trx
      .insertInto('slice_persons')
      .values({ slice_id: slice.id, person })
      .onConflict((c) => c.doNothing())
      .execute();
    return { before: { persons: slice.persons }, after: { added: person } };
  });

export const removePerson = (store: Store, actor: Principal, name: SliceName, person: PersonEmail): Promise<Slice> =>
  changeSlice(store, actor, name, 'slice.person-removed', async (trx, slice) => {
    if (!slice.persons.includes(person)) {
      throw new PlanetLabError('unknown_person', `${person} is not in the slice ${name}.`);
    }
    await trx.deleteFrom('slice_persons').where('slice_id', '=', slice.id).where('person', '=', person).execute();
    return { before: { persons: slice.persons }, after: { removed: person } };
  });

/** The row stays, so that what the slice did stays attributable; its name is free again. */
export async function deleteSlice(store: Store, actor: Principal, name: SliceName): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const slice = await findSlice(trx, name, at);
    await trx.updateTable('slices').set({ deleted_at: at }).where('id', '=', slice.id).execute();
    await unwant(trx, slice.id, at);
    const entry = { at, actor, kind: 'slice.deleted', subject: name, site: slice.site, slice: name, before: slice };
    await record(trx, entry, { type: 'slice', name }, { type: 'site', name: slice.site });
  });
}

/** Takes a slice off all of its nodes. */
export const unwant = (trx: Trx, sliceId: string, at: Date) =>
  trx
    .updateTable('slivers')
    .set({ wanted: false, unwanted_at: at, state: 'stopping', since: at })
    .where('slice_id', '=', sliceId)
    .where('wanted', '=', true)
    .execute();
