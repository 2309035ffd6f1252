import type { PlcNode } from '@planetlab/contract';
import { WrittenJson } from '@planetlab/contract/server';
import type { NodeId, NodeName, SiteName } from '@planetlab/model';
import { sql } from 'kysely';
import { type Page, pageOf } from '../store/page.ts';
import type { Db } from '../store/schema.ts';
import { type Beside, besideVersion, readBeside } from './beside.ts';
import { liveUplinks } from './live-uplinks.ts';
import { serviceFactsOf } from './liveness.ts';
import { lastingOf, rowVersion, type StandingRow, selectRows, standingOf } from './rows.ts';
import { KeptWritten } from './written.ts';

export interface NodePage {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly site?: SiteName | undefined;
}

/** Of so many nodes it is kept what was written: some 5 KiB each, with what it was made from. */
const KEPT_NODES = 5_000;

/**
 * The list of nodes, as JSON. What is stored of a node is read and written as JSON once for each change of it: of a
 * thousand nodes few change from one reading of the list to the next, and what they say of themselves is a megabyte.
 * Which have changed is asked of the database each time, so that it does not matter who changed them.
 */
export class NodeList {
  readonly #db: Db;
  readonly #rows = new KeptWritten<StandingRow>(KEPT_NODES);
  readonly #beside = new KeptWritten<Pick<Beside, 'invitedUntil'>>(KEPT_NODES);

  constructor(db: Db) {
    this.#db = db;
  }

  async page({ limit, after, site }: NodePage, now: Date): Promise<WrittenJson<Page<PlcNode>>> {
    const found = await look(this.#db, { limit: limit + 1, after, site }, now);
    const { items, next } = pageOf(found, limit, ({ name }) => name);
    const rows = await this.#rows.of(items, (ids) => writeRows(this.#db, ids));
    const versions = items.map(({ id, beside_version }) => ({ id, version: beside_version }));
    const beside = await this.#beside.of(versions, (ids) => writeBeside(this.#db, ids));
    const parts = items.flatMap(({ id, heartbeat_ms }) => {
      const [row, rest] = [rows.get(id), beside.get(id)];
      if (row === undefined || rest === undefined) return []; // deleted meanwhile
      const heartbeatAt = heartbeat_ms === null ? null : new Date(heartbeat_ms);
      const standing = standingOf(row.from, rest.from.invitedUntil, heartbeatAt, now);
      return [row.json, Buffer.from(`,${membersOf(standing)},`), rest.json];
    });
    return jsonList(parts, next);
  }
}

async function writeRows(db: Db, ids: readonly NodeId[]) {
  const rows = await selectRows(db, 'brief').where(sql<boolean>`nodes.id = any(${ids}::uuid[])`).execute();
  return rows.map((row) => ({
    id: row.id,
    version: row.version,
    json: Buffer.from(`{${membersOf(lastingOf(row))}`),
    from: { ...row, facts: row.facts === null ? null : serviceFactsOf(row.facts) },
  }));
}

async function writeBeside(db: Db, ids: readonly NodeId[]) {
  const { version, of } = await readBeside(db, ids);
  return ids.map((id) => {
    const { shown, invitedUntil } = of(id);
    return { id, version, json: Buffer.from(`${membersOf(shown)}},`), from: { invitedUntil } };
  });
}

const membersOf = (value: object): string => JSON.stringify(value).slice(1, -1);

/** Of items that each end with a comma. */
function jsonList(items: readonly Buffer[], next: string | null): WrittenJson<Page<PlcNode>> {
  const end = Buffer.from(`],"next":${JSON.stringify(next)}}`);
  const all = Buffer.concat([Buffer.from('{"items":['), ...items, end]);
  if (items.length > 0) all.fill(' ', all.length - end.length - 1, all.length - end.length); // the comma of the last
  return new WrittenJson(all);
}

/** Which nodes are on the page, and of which versions. */
async function look(db: Db, { limit, after = '', site }: NodePage, now: Date) {
  let query = db
    .selectFrom('nodes')
    .leftJoin(liveUplinks(db, now).as('live'), 'live.node_id', 'nodes.id')
    .select(['nodes.id', 'nodes.name', rowVersion.as('version'), besideVersion.as('beside_version')])
    .select(sql<number | null>`(extract(epoch from live.heartbeat_at) * 1000)::float8`.as('heartbeat_ms'))
    .where('nodes.deleted_at', 'is', null)
    .where('nodes.name', '>', after as NodeName); // a cursor, only compared
  if (site !== undefined) query = query.where('nodes.site', '=', site);
  return query.orderBy('nodes.name').limit(limit).execute();
}
