import type { NodeEvent, NodeSliver, Notice, Reason } from '@planetlab/contract';
import { type LeaseId, type SliceName, type SliverState, toInstant } from '@planetlab/model';
import { NOTICES_KEPT } from '../store/notice-table.ts';
import type { NodeStore, SliverRow } from '../store/store.ts';
import { type AddressPlan, addressesOf } from './addresses.ts';
import type { EventHub } from './event-hub.ts';

/** How a sliver is doing, as far as this run of the manager knows. */
export interface SliverStatus {
  readonly state: SliverState;
  readonly reason: Reason | null;
  readonly sinceMs: number;
}

/** The slivers of this node as they are reported. */
export interface SliverDirectory {
  list(): readonly NodeSliver[];
  get(slice: string): NodeSliver | undefined;
  status(slice: string): SliverStatus | undefined;
  /** Notes how a sliver is doing and tells watchers if that is new. */
  report(slice: SliceName, state: SliverState, reason?: Reason): void;
  /**
   * Adds to what a sliver's people should know, tells watchers, and keeps it; `counted` is what the kernel had counted
   * then. No effect for a sliver that is gone. Throws when it cannot be kept; watchers were told all the same.
   */
  notify(slice: SliceName, notice: Omit<Notice, 'at'>, counted?: number): void;
  /** Tells watchers that something else about a sliver is new, such as its lease. */
  touch(slice: SliceName): void;
  /** Reports a sliver for the last time. `row` is what was known of it. */
  gone(row: SliverRow): void;
  /** First what there is, unless that `isKnown`, then `synced`, then changes; only of slices that `covers` accepts. */
  watch(
    covers: (slice: string) => boolean,
    signal: AbortSignal,
    isKnown?: (slivers: readonly NodeSliver[]) => boolean,
  ): AsyncIterable<NodeEvent>;
}

export interface DirectoryOptions {
  readonly store: NodeStore;
  readonly hub: EventHub;
  readonly addresses: AddressPlan;
  readonly now: () => number;
}

export function createDirectory({ store, hub, addresses, now }: DirectoryOptions): SliverDirectory {
  const statuses = new Map<string, SliverStatus>();
  const notices = createNotices(store);

  const describe = (row: SliverRow): NodeSliver => {
    const { lease, endedAtMs } = row.stored;
    const status = statuses.get(row.slice);
    const { ipv4, ipv6 } = addressesOf(addresses, row.index);
    // until the reconciler has looked: an ended lease's sliver is being removed, a live one's is being made
    const state = status?.state ?? (endedAtMs === null ? 'starting' : 'stopping');
    return {
      slice: row.slice,
      state,
      reason: status?.reason ?? null,
      since: toInstant(status?.sinceMs ?? lease.issuedAtMs),
      leaseId: lease.id,
      expiresAt: toInstant(lease.expiresAtMs),
      image: lease.image,
      resources: lease.resources,
      ...{ ipv4, ipv6 },
      ...notices.of(lease.id),
    };
  };

  const publish = (slice: SliceName) => {
    const row = store.sliver(slice);
    if (row !== undefined) hub.publish(slice, () => describe(store.sliver(slice) ?? row));
  };

  return {
    list: () => store.slivers().map(describe),
    get(slice) {
      const row = store.sliver(slice);
      return row === undefined ? undefined : describe(row);
    },
    status: (slice) => statuses.get(slice),
    report(slice, state, reason) {
      const before = statuses.get(slice);
      if (before?.state === state && before.reason?.message === reason?.message) return;
      const sinceMs = before?.state === state ? before.sinceMs : now();
      statuses.set(slice, { state, reason: reason ?? null, sinceMs });
      publish(slice);
    },
    notify(slice, said, counted) {
      const row = store.sliver(slice);
      if (row === undefined) return;
      const lease = row.stored.lease.id;
      const notice = { at: toInstant(now()), ...said };
      notices.add(lease, notice);
      publish(slice);
      store.addNotice({ slice, lease, ...notice, counted: counted ?? null });
    },
    touch: publish,
    gone(row) {
      statuses.set(row.slice, { state: 'gone', reason: null, sinceMs: now() });
      const last = describe(row);
      hub.publish(row.slice, () => last);
      statuses.delete(row.slice);
      notices.forget(row.stored.lease.id);
    },
    watch: (covers, signal, isKnown) => watchSlivers({ store, hub, describe, covers, isKnown }, signal),
  };
}

async function* watchSlivers(
  {
    store,
    hub,
    describe,
    covers,
    isKnown,
  }: Pick<DirectoryOptions, 'store' | 'hub'> & {
    readonly describe: (row: SliverRow) => NodeSliver;
    readonly covers: (slice: string) => boolean;
    readonly isKnown: ((slivers: readonly NodeSliver[]) => boolean) | undefined;
  },
  signal: AbortSignal,
): AsyncGenerator<NodeEvent> {
  const changes = hub.watch(signal); // before the list is read, so that nothing falls between
  const rows = store.slivers().filter(({ slice }) => covers(slice));
  if (isKnown?.(rows.map(describe)) === true) {
    yield { type: 'synced', known: true };
  } else {
    for (const row of rows) yield { type: 'sliver', sliver: describe(row) };
    yield { type: 'synced' };
  }
  for await (const sliver of changes) if (covers(sliver.slice)) yield { type: 'sliver', sliver };
}

/** The latest notices of each sliver, by its lease: read once, so that lists need no database. */
function createNotices(store: Pick<NodeStore, 'notices'>) {
  const kept = new Map<LeaseId, readonly Notice[]>();
  const add = (lease: LeaseId, { at, code, message }: Notice) =>
    void kept.set(lease, [...(kept.get(lease) ?? []), { at, code, message }].slice(-NOTICES_KEPT));
  for (const record of store.notices()) add(record.lease, record);
  return {
    add,
    /** As part of a report: absent when there are none. */
    of(lease: LeaseId): Pick<NodeSliver, 'notices'> {
      const notices = kept.get(lease);
      return notices === undefined ? {} : { notices: [...notices] };
    },
    forget: (lease: LeaseId) => void kept.delete(lease),
  };
}
