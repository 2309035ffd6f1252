import type { LeaseId, SliceName } from '@planetlab/model';
import type { SliverRow, StoredLease } from './store.ts';

/**
 * The rows of slivers and their leases in memory, so that what is asked for all the time costs no query. Whoever changes the
 * tables changes it after them; lists are made anew only when something has changed.
 */
export class LeaseIndex {
  readonly #rows = new Map<string, SliverRow>();
  readonly #byLease = new Map<LeaseId, SliverRow>();
  #sorted: readonly SliverRow[] | undefined;
  #live: readonly StoredLease[] | undefined;
  #indices: ReadonlySet<number> | undefined;
  #nextEndMs: number | undefined;

  set(row: SliverRow): void {
    const before = this.#rows.get(row.slice);
    if (before !== undefined) this.#byLease.delete(before.stored.lease.id);
    this.#rows.set(row.slice, row);
    this.#byLease.set(row.stored.lease.id, row);
    this.#changed();
  }

  delete(slice: SliceName): void {
    const before = this.#rows.get(slice);
    if (before === undefined) return;
    this.#rows.delete(slice);
    this.#byLease.delete(before.stored.lease.id);
    this.#changed();
  }

  get(slice: string): SliverRow | undefined {
    return this.#rows.get(slice);
  }

  byLease(id: LeaseId): SliverRow | undefined {
    return this.#byLease.get(id);
  }

  /** In the order of their names. */
  rows(): readonly SliverRow[] {
    this.#sorted ??= [...this.#rows.values()].sort((a, b) => (a.slice < b.slice ? -1 : 1));
    return this.#sorted;
  }

  /** In the order of their slices' names. */
  live(): readonly StoredLease[] {
    this.#live ??= this.rows().flatMap(({ stored }) => (stored.endedAtMs === null ? stored : []));
    return this.#live;
  }

  indices(): ReadonlySet<number> {
    this.#indices ??= new Set([...this.#rows.values()].map(({ index }) => index));
    return this.#indices;
  }

  /** When the first of the leases that hold ends; infinity when none does. */
  nextEndMs(): number {
    this.#nextEndMs ??= this.live().reduce(
      (next, { lease }) => Math.min(next, lease.expiresAtMs),
      Number.POSITIVE_INFINITY,
    );
    return this.#nextEndMs;
  }

  #changed(): void {
    this.#sorted = undefined;
    this.#live = undefined;
    this.#indices = undefined;
    this.#nextEndMs = undefined;
  }
}
