import type { Attribution } from '@planetlab/contract';
import { DAY_MS, fromInstant, type Instant, type NodeName, type SiteName } from '@planetlab/model';
import { sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { unknownNode } from '../nodes/store.ts';
import { getSettings } from '../settings/store.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export interface AttributionQuery {
  readonly node: NodeName;
  readonly address?: string | undefined;
  readonly at: Instant;
}

/**
 * The sites of all machines that have had this name: a deleted node's traffic is asked about too. Throws `unknown_node`.
 */
export async function sitesOfNode(db: Db, node: NodeName): Promise<readonly SiteName[]> {
  const rows = await db.selectFrom('nodes').select('site').distinct().where('name', '=', node).execute();
  if (rows.length === 0) throw unknownNode(node);
  return rows.map(({ site }) => site);
}

/**
 * The slices that had a sliver on a node at a time, with those who were in them then. An address of the node fits all of
 * them: its slivers share it.
 */
export async function attribute(
  db: Db,
  { node, address, at }: AttributionQuery,
  sites: readonly SiteName[],
): Promise<Attribution[]> {
  const time = new Date(fromInstant(at));
  let query = db
    .selectFrom('sliver_spans as span')
    .innerJoin('nodes', 'nodes.id', 'span.node_id')
    .innerJoin('slices', 'slices.id', 'span.slice_id')
    .select(['slices.name', 'slices.site', 'slices.description', 'slices.url'])
    .select(['span.ipv4', 'span.ipv6', 'span.node_addresses', 'span.from_at', 'span.until_at'])
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('slice_person_spans as was')
          .select('was.person')
          .distinct()
          .whereRef('was.slice_id', '=', 'span.slice_id')
          .where('was.from_at', '<=', time)
          .where((either) => either.or([either('was.until_at', 'is', null), either('was.until_at', '>', time)]))
          .orderBy('was.person'),
      ).as('persons'),
    )
    .where('nodes.name', '=', node)
    .where('nodes.site', 'in', sites)
    .where('span.from_at', '<=', time)
    .where((eb) => eb.or([eb('span.until_at', 'is', null), eb('span.until_at', '>', time)]));
  if (address !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('span.ipv4', '=', address),
        eb('span.ipv6', '=', address),
        sql<boolean>`span.node_addresses @> ${JSON.stringify([address])}::jsonb`,
      ]),
    );
  }
  const rows = await query.orderBy('slices.name').limit(ATTRIBUTION_LIMIT).execute();
  return rows.map((row) => ({
    slice: row.name,
    site: row.site,
    description: row.description,
    url: row.url,
    persons: row.persons.map(({ person }) => person),
    ipv4: row.ipv4,
    ipv6: row.ipv6,
    nodeAddresses: row.node_addresses,
    from: row.from_at.toISOString(),
    until: row.until_at?.toISOString() ?? null,
  }));
}

/** More slivers than a node has. */
const ATTRIBUTION_LIMIT = 5000;

/** Forgets what is older than the authority keeps it. */
export async function forgetAttribution({ db, now }: Store): Promise<void> {
  const { attributionDays } = await getSettings(db);
  const before = new Date(now().getTime() - attributionDays * DAY_MS);
  await db.deleteFrom('sliver_spans').where('until_at', '<', before).execute();
  await db.deleteFrom('slice_person_spans').where('until_at', '<', before).execute();
}
