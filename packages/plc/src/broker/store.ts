import type { NodeSliver, Reason } from '@planetlab/contract';
import { fromInstant, Principal, type SliverState, sliverName } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import { storeNotices } from './notices.ts';
import { brief } from './reason.ts';
import type { SliverChange, SliverChanges, SliverRow } from './sliver-changes.ts';
import type { HeldLease, Reporter } from './types.ts';

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

/**
 * A lease was granted, or found on the node. The sliver starts; `said` gives the node's report on it by the time when this
 * is written, if there is one. Resolves to that report.
 */
export async function storeLease(
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  lease: HeldLease,
  accessHash: string | null,
  said: () => NodeSliver | undefined,
): Promise<NodeSliver | undefined> {
  let report: NodeSliver | undefined;
  await store.changes.write({
    reporter,
    find: { id: sliverId },
    update: (row) => ({
      kind: 'sliver.leased',
      set: {
        lease_id: lease.id,
        lease_expires_at: new Date(fromInstant(lease.expiresAt)),
        access_hash: accessHash,
        ...(row.wanted ? { state: 'starting', reason: null, since: store.now() } : {}),
      },
    }),
    also(row) {
      report = said();
      return report === undefined ? undefined : reported(store, row, report);
    },
  });
  if (report !== undefined) await storeNotices(store, reporter, report);
  return report;
}

/** No event: it happens all the time, and nobody did anything. */
export const storeRenewal = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  lease: HeldLease,
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

/** No event: who changed the tags is in that of the change. */
export const storeTags = (
  store: BrokerStore,
  reporter: Reporter,
  sliverId: string,
  hash: string | null,
): Promise<void> => change(store, reporter, { id: sliverId }, () => ({ kind: null, set: { tags_hash: hash } }));

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
  change(store, reporter, { slice: report.slice, leaseId: report.leaseId }, (row) => reported(store, row, report));

function reported(store: BrokerStore, row: SliverRow, report: NodeSliver): ReturnType<SliverChange['update']> {
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
}

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
