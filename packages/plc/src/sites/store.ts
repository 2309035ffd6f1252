import type { AuthoritySettings, Site, SiteChange } from '@planetlab/contract';
import { PlanetLabError, type Principal, type SiteName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { getSettings } from '../settings/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

const select = (db: Db | Trx) =>
  db.selectFrom('sites').select((eb) => [
    'sites.name',
    'sites.title',
    'sites.url',
    'sites.place',
    'sites.max_slices',
    'sites.closed',
    'sites.created_at',
    eb
      .selectFrom('nodes')
      .select((count) => count.fn.countAll<number>().as('count'))
      .whereRef('nodes.site', '=', 'sites.name')
      .where('nodes.deleted_at', 'is', null)
      .as('nodes'),
    eb
      .selectFrom('slices')
      .select((count) => count.fn.countAll<number>().as('count'))
      .whereRef('slices.site', '=', 'sites.name')
      .where('slices.deleted_at', 'is', null)
      .as('slices'),
  ]);

type Row = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>;
const toSite = (row: Row, { slicesPerSite }: AuthoritySettings): Site => ({
  name: row.name,
  title: row.title,
  url: row.url,
  place: row.place,
  maxSlices: row.max_slices ?? slicesPerSite,
  closed: row.closed,
  createdAt: row.created_at.toISOString(),
  nodes: Number(row.nodes),
  slices: Number(row.slices),
});

/** Throws `unknown_site`. */
export async function getSite(db: Db | Trx, name: SiteName): Promise<Site> {
  const row = await select(db).where('name', '=', name).executeTakeFirst();
  if (row !== undefined) return toSite(row, await getSettings(db));
  throw new PlanetLabError('unknown_site', `There is no site "${name}" here. An admin can register it.`);
}

export async function listSites(db: Db, limit: number, after = ''): Promise<Site[]> {
  const rows = await select(db)
    .where('name', '>', after as SiteName) // a cursor, only compared
    .orderBy('name')
    .limit(limit)
    .execute();
  const settings = await getSettings(db);
  return rows.map((row) => toSite(row, settings));
}

export async function createSite(
  store: Store,
  actor: Principal,
  input: { readonly name: SiteName; readonly title: string },
): Promise<Site> {
  const at = store.now();
  const insert = store.db.transaction().execute(async (trx) => {
    await trx.insertInto('sites').values({ name: input.name, title: input.title, created_at: at }).execute();
    const site = await getSite(trx, input.name);
    const entry = { at, actor, kind: 'site.created', subject: input.name, site: input.name, after: input };
    await record(trx, entry, { type: 'site', name: input.name });
    return site;
  });
  return orAlreadyExists(insert, `There is a site "${input.name}" already.`);
}

/** Throws `unknown_site`. */
export async function changeSite(store: Store, actor: Principal, name: SiteName, change: SiteChange): Promise<Site> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const before = await getSite(trx, name);
    const { title, url, place, maxSlices } = change;
    const set = {
      ...(title === undefined ? {} : { title }),
      ...(url === undefined ? {} : { url }),
      ...(place === undefined ? {} : { place: place === null ? null : JSON.stringify(place) }),
      ...(maxSlices === undefined ? {} : { max_slices: maxSlices }),
    };
    if (Object.keys(set).length === 0) return before;
    await trx.updateTable('sites').set(set).where('name', '=', name).execute();
    const entry = { at, actor, kind: 'site.changed', subject: name, site: name, before, after: change };
    await record(trx, entry, { type: 'site', name });
    return getSite(trx, name);
  });
}
