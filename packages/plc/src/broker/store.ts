import type { LeaseRecord, NodeSliver, Reason } from '@planetlab/contract';
import { fromInstant, type NodeId, Principal, type SliverState, sliverName } from '@planetlab/model';
import type { Selectable } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { record } from '../events/record.ts';
import { type NodeOrders, ordersOf } from '../nodes/orders.ts';
import type { Db, NodeTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { storeNotices } from './notices.ts';
import { brief } from './reason.ts';
import type { SliverChange, SliverChanges } from './sliver-changes.ts';
import type { BrokerSliver, Reporter } from './types.ts';

const MAX_KEYS = 1000;

/** Every sliver row of a node, whether its leases are to end, and whether the node was deleted. */
export async function loadNode(
  db: Db,
  node: NodeId,
): Promise<{ deleted: boolean; ends: boolean; slivers: BrokerSliver[] }> {
  const found = await db
    .selectFrom('nodes')
    .select(['deleted_at', 'run_level', 'run_level_decision', 'drain', 'quarantine'])
    .where('id', '=', node)
    .executeTakeFirst();
  const orders = found === undefined ? IN_SERVICE : ordersOfRow(found);
  const rows = await db
    .selectFrom('slivers')
    .innerJoin('slices', 'slices.id', 'slivers.slice_id')
    .selectAll('slivers')
    .select(['slices.expires_at as slice_ends', 'slices.image', 'slices.resources', 'slices.initial_command'])
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('slice_persons')
          .innerJoin('keys', 'keys.person', 'slice_persons.person')
          .innerJoin('persons', 'persons.email', 'slice_persons.person')
          .select(['keys.person', 'keys.key'])
          .whereRef('slice_persons.slice_id', '=', 'slices.id')
          .where('persons.enabled', '=', true)
          .where('keys.person', 'not in', (stopped) =>
            stopped.selectFrom('stopped_persons').select('stopped_persons.person'),
          )
          .orderBy('keys.fingerprint')
          .limit(MAX_KEYS),
      ).as('keys'),
    )
    .select((eb) =>
      eb
        .selectFrom('slice_suspensions')
        .select('slice_suspensions.reason')
        .whereRef('slice_suspensions.slice_id', '=', 'slices.id')
        .orderBy('slice_suspensions.at')
        .limit(1)
        .as('suspended'),
    )
    .where('slivers.node_id', '=', node)
    .execute();
  const slivers = rows.map((row) => ({
    id: row.id,
    slice: row.slice,
    wanted: row.wanted,
    sliceEndsMs: row.slice_ends.getTime(),
    image: row.image,
    resources: row.resources,
    leaseId: row.lease_id,
    keys: row.keys,
    accessHash: row.access_hash,
    initialCommand: row.initialised_lease !== null && row.initialised_lease === row.lease_id ? '' : row.initial_command,
    ...serviceOf(orders, row.suspended),
    shown: { state: row.state, code: row.reason?.code ?? null },
  }));
  return { deleted: found?.deleted_at !== null, ends: orders.slivers === 'end', slivers };
}

/** The longest reason that a lease carries. */
const STOPPED_LIMIT_CHARACTERS = 500;
const IN_SERVICE: NodeOrders = { slivers: 'run', closed: null };

const ordersOfRow = (row: Pick<Selectable<NodeTable>, 'run_level' | 'run_level_decision' | 'drain' | 'quarantine'>) =>
  ordersOf({
    runLevel: row.run_level,
    runLevelDecision: row.run_level_decision,
    drain: row.drain,
    quarantine: row.quarantine,
  });

/** Whether a sliver may run, and be leased: what was decided about its slice comes before what was about its node. */
function serviceOf(orders: NodeOrders, suspended: string | null): Pick<BrokerSliver, 'stopped' | 'held'> {
  if (suspended !== null) {
    const message = `The slice is suspended: ${suspended}`.slice(0, STOPPED_LIMIT_CHARACTERS);
    return { stopped: message, held: { code: 'slice_suspended', message } };
  }
  return { stopped: orders.slivers === 'stop' ? (orders.closed?.message ?? null) : null, held: orders.closed };
}

/** The database, and the writer of what nodes say. */
export interface BrokerStore extends Store {
  readonly changes: SliverChanges;
}

const change = (
  { changes }: BrokerStore,
  reporter: Reporter,
  find: SliverChange['find'],
  update: SliverChange['update'],
): Promise<void> => changes.write({ reporter, find, update });

/** A lease was granted, or found on the node. The sliver starts, unless it was reported on already. */
export const storeLease = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  lease: LeaseRecord,
  accessHash: string | null,
): Promise<void> =>
  change(store, reporter, { id: sliverId }, (row) => ({
    kind: 'sliver.leased',
    set: {
      lease_id: lease.id,
      lease_expires_at: new Date(fromInstant(lease.expiresAt)),
      access_hash: accessHash,
      ...(row.wanted ? { state: 'starting', reason: null, since: store.now() } : {}),
    },
  }));

/** No event: it happens all the time, and nobody did anything. */
export const storeRenewal = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  lease: LeaseRecord,
): Promise<void> =>
  change(store, reporter, { id: sliverId }, () => ({
    kind: null,
    set: { lease_expires_at: new Date(fromInstant(lease.expiresAt)) },
  }));

/** The node has bound other resources to a sliver. */
export const storeChange = (store: BrokerStore, reporter: Reporter, sliverId: string): Promise<void> =>
  change(store, reporter, { id: sliverId }, () => ({ kind: 'sliver.resources-changed', set: { reason: null } }));

/** The node did not: what there is stays as it is, with the reason. The same answer again changes nothing. */
export const storeRefusedChange = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  reason: Reason,
): Promise<void> =>
  change(store, reporter, { id: sliverId }, (row) => {
    if (!row.wanted || row.reason?.code === reason.code) return undefined;
    return { kind: 'sliver.change-refused', set: { reason: brief(reason) } };
  });

/** Codes of `storeRefusedChange` that a node's report, which knows nothing of what was asked, does not take away. */
const REFUSED_CHANGE: ReadonlySet<string> = new Set(['admission_refused', 'insufficient_resources']);

export const storeAccess = (store: BrokerStore, reporter: Reporter, sliverId: string, hash: string): Promise<void> =>
  change(store, reporter, { id: sliverId }, () => ({ kind: 'sliver.access-set', set: { access_hash: hash } }));

/** The node said no, or gave no answer: why, for people. The same answer again changes nothing. */
export const storeFailure = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  state: Extract<SliverState, 'refused' | 'requested'>,
  reason: Reason,
): Promise<void> =>
  change(store, reporter, { id: sliverId }, (row) => {
    if (!row.wanted || (row.state === state && row.reason?.code === reason.code)) return undefined;
    return { set: { state, reason: brief(reason), since: store.now() } };
  });

/** What a node says of a sliver it made under a lease of ours. Only a row of that node with that lease is touched. */
export async function storeReport(store: BrokerStore, reporter: Reporter, report: NodeSliver): Promise<void> {
  await storeState(store, reporter, report);
  await storeNotices(store, reporter, report);
}

const storeState = (store: BrokerStore, reporter: Reporter, report: NodeSliver): Promise<void> =>
  change(store, reporter, { leaseId: report.leaseId }, (row) => {
    const now = store.now();
    if (!row.wanted || row.slice !== report.slice) return undefined;
    const refused = report.state === 'running' && report.reason === null && REFUSED_CHANGE.has(row.reason?.code ?? '');
    const said = report.reason === null ? null : brief(report.reason);
    const reason = refused && row.state === 'running' ? row.reason : said;
    const firstRun = report.state === 'running' && row.time_to_running_ms === null;
    const same =
      row.state === report.state &&
      row.ipv4 === report.ipv4 &&
      row.ipv6 === report.ipv6 &&
      row.reason?.message === reason?.message;
    if (same) return undefined;
    return {
      set: {
        state: report.state,
        reason,
        ipv4: report.ipv4,
        ipv6: report.ipv6,
        ...(row.state === report.state ? {} : { since: now }),
        ...(firstRun ? { time_to_running_ms: now.getTime() - row.requested_at.getTime() } : {}),
      },
    };
  });

/** The sliver is gone and its row with it; what it was stays in the events. */
export async function forgetSliver(store: BrokerStore, { nodeName }: Reporter, sliverId: string): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const row = await trx
      .deleteFrom('slivers')
      .where('id', '=', sliverId)
      .where('wanted', '=', false)
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return;
    const name = sliverName(row.slice, nodeName);
    const entry = {
      at: store.now(),
      actor: Principal.parse(`node:${nodeName}`),
      kind: 'sliver.ended',
      subject: name,
      slice: row.slice,
      before: { leaseId: row.lease_id, requestedAt: row.requested_at },
    };
    await record(trx, entry, { type: 'sliver', name, fromNode: true });
  });
}
