import { Principal, type SiteName, type SliceName, sliverName } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { type Announcement, announce, type EventEntry, recordAll } from '../events/record.ts';
import { givenRows } from '../store/given-rows.ts';
import type { SliverTable, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { together } from '../store/together.ts';
import type { Reporter } from './types.ts';

/** A row of a sliver as it is, with its slice's site. */
export type SliverRow = Selectable<SliverTable> & { readonly site: SiteName };

/** What the broker writes in a row. */
export type SliverUpdate = Partial<Pick<SliverRow, keyof typeof WRITTEN>>;

/** One change of a sliver's row with its event, when there is something to record. */
export interface SliverChange {
  readonly reporter: Reporter;
  /** Only a row of the reporter's node is touched. */
  readonly find: { readonly id: string } | { readonly slice: SliceName; readonly leaseId: string };
  /** What is to be written, given what is there; `kind` null is no event. Undefined changes nothing. */
  readonly update: RowUpdate;
  /** What is to be written besides, when the row is as `update` has left it. */
  readonly also?: RowUpdate;
}

type RowUpdate = (row: SliverRow) => { readonly set: SliverUpdate; readonly kind?: string | null } | undefined;

/**
 * Writes what nodes say. A thousand nodes that answer at once are not a thousand transactions: what comes while one is
 * under way goes together into the next. Each caller goes on when its own change is committed.
 */
export interface SliverChanges {
  write(change: SliverChange): Promise<void>;
}

const WRITTEN = {
  ...({ state: 'text', reason: 'jsonb', since: 'timestamptz', time_to_running_ms: 'double precision' } as const),
  ...({ lease_id: 'uuid', lease_expires_at: 'timestamptz', access_hash: 'text', tags_hash: 'text' } as const),
  ...({ ipv4: 'text', ipv6: 'text' } as const),
};
const MOST_TOGETHER = 500;

export function createSliverChanges(store: Store): SliverChanges {
  return {
    write: together(MOST_TOGETHER, async (batch) => {
      await store.db.transaction().execute((trx) => writeAll(trx, store.now(), batch));
      return batch.map(() => undefined);
    }),
  };
}

async function writeAll(trx: Trx, at: Date, changes: readonly SliverChange[]): Promise<void> {
  const rows = await lockRows(trx, changes);
  const changed = new Map<string, SliverRow>();
  const events: EventEntry[] = [];
  const announcements: Announcement[] = [];
  for (const { reporter, find, update, also } of changes) {
    const found = rows.find(reporter, find);
    if (found === undefined) continue;
    let row = found;
    for (const next of also === undefined ? [update] : [update, also]) {
      const result = next(row);
      if (result === undefined) continue;
      const { set, kind } = result;
      if (kind !== null) events.push(eventOf(at, reporter, row, set, kind));
      row = { ...row, ...set };
    }
    if (row === found) continue;
    announcements.push({ type: 'sliver', name: sliverName(row.slice, reporter.nodeName), fromNode: true });
    rows.put(row);
    changed.set(row.id, row);
  }
  if (changed.size === 0) return;
  await updateRows(trx, [...changed.values()]);
  await recordAll(trx, events);
  await announce(trx, ...announcements);
}

/** All rows that the changes may be about, in one order for everybody. */
async function lockRows(trx: Trx, changes: readonly SliverChange[]) {
  const ids = changes.flatMap(({ find }) => ('id' in find ? find.id : []));
  const said = changes.flatMap(({ find, reporter }) => ('slice' in find ? { ...find, node: reporter.nodeId } : []));
  const found = await trx
    .selectFrom('slivers')
    .innerJoin('slices', 'slices.id', 'slivers.slice_id')
    .selectAll('slivers')
    .select('slices.site')
    .where(
      sql<boolean>`slivers.id = any(array(
        select unnest(${ids}::uuid[])
        union select id from slivers join unnest(${said.map(({ node }) => node)}::uuid[],
          ${said.map(({ slice }) => slice)}::text[]) as said (node_id, slice) using (node_id, slice)))`,
    )
    .orderBy('slivers.id')
    .forUpdate('slivers')
    .execute();
  const byId = new Map<string, SliverRow>(found.map((row) => [row.id, row]));
  const byLease = new Map(found.map(({ lease_id, id }) => [lease_id as string | null, id]));
  return {
    find(reporter: Reporter, find: SliverChange['find']): SliverRow | undefined {
      const row = byId.get('id' in find ? find.id : (byLease.get(find.leaseId) ?? ''));
      if (row?.node_id !== reporter.nodeId) return undefined;
      return 'id' in find || row.lease_id === find.leaseId ? row : undefined; // another was noted a moment ago
    },
    /** What is said under a lease that was noted a moment ago finds it. */
    put(row: SliverRow): void {
      byId.set(row.id, row);
      byLease.set(row.lease_id, row.id);
    },
  };
}

async function updateRows(trx: Trx, rows: readonly SliverRow[]): Promise<void> {
  const set = sql.raw(
    Object.keys(WRITTEN)
      .map((column) => `${column} = given.${column}`)
      .join(', '),
  );
  const given = givenRows({ id: 'uuid', ...WRITTEN }, rows.map(written));
  await sql`update slivers set ${set} from ${given} where slivers.id = given.id`.execute(trx);
}

const written = (row: SliverRow): Pick<SliverRow, 'id' | keyof typeof WRITTEN> => {
  const { id, state, reason, since, time_to_running_ms, ipv4, ipv6 } = row;
  const { lease_id, lease_expires_at, access_hash, tags_hash } = row;
  return {
    id,
    state,
    reason,
    since,
    time_to_running_ms,
    lease_id,
    lease_expires_at,
    access_hash,
    tags_hash,
    ipv4,
    ipv6,
  };
};

function eventOf(at: Date, { nodeName }: Reporter, row: SliverRow, set: SliverUpdate, kind?: string): EventEntry {
  return {
    at,
    actor: Principal.parse(`node:${nodeName}`),
    kind: kind ?? `sliver.${set.state ?? 'changed'}`,
    subject: sliverName(row.slice, nodeName),
    slice: row.slice,
    site: row.site,
    before: { state: row.state, leaseId: row.lease_id },
    after: { state: set.state ?? row.state, leaseId: set.lease_id ?? row.lease_id, reason: set.reason ?? undefined },
  };
}
