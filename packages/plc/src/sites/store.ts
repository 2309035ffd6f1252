import type { Site } from '@planetlab/contract';
import { PlanetLabError, type Principal, type SiteName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

const select = (db: Db | Trx) =>
  db.selectFrom('sites').select((eb) => [
    'sites.name',
    'sites.title',
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
const toSite = (row: Row): Site => ({
  name: row.name,
  title: row.title,
  createdAt: row.created_at.toISOString(),
  nodes: Number(row.nodes),
  slices: Number(row.slices),
});

/** Throws `unknown_site`. */
export async function getSite(db: Db | Trx, name: SiteName): Promise<Site> {
  const row = await select(db).where('name', '=', name).executeTakeFirst();
  if (row !== undefined) return toSite(row);
  throw new PlanetLabError('unknown_site', `There is no site "${name}" here. An admin can register it.`);
}

export async function listSites(db: Db, limit: number, after = ''): Promise<Site[]> {
  const rows = await select(db)
    .where('name', '>', after as SiteName) // a cursor, only compared
    .orderBy('name')
    .limit(limit)
    .execute();
  return rows.map(toSite);
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
