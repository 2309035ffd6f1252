import type { LeaseId, SliceName } from '@planetlab/model';
import { type Bound, boundWith, boundWithout, NOTHING_BOUND } from '../admission/bound.ts';
import { SortedList } from './sorted-list.ts';
import type { SliverRow, StoredLease } from './store.ts';

/**
 * The rows of slivers and their leases in memory, so that what is asked for all the time costs no query, and what is said
 * of all of them no walk through them. Whoever changes the tables changes it after them.
 */
export class LeaseIndex {
  readonly #rows = new Map<string, SliverRow>();
  readonly #byLease = new Map<LeaseId, SliverRow>();
  readonly #indices = new Set<number>();
  readonly #sorted = new SortedList<SliverRow>(({ slice }) => slice);
  readonly #live = new SortedList<StoredLease>(({ lease }) => lease.slice);
  #bound: Bound = NOTHING_BOUND;
  /** Undefined when it has to be looked for. */
  #nextEndMs: number | undefined;

  set(row: SliverRow): void {
    const before = this.#rows.get(row.slice);
    if (before !== undefined) this.#drop(before);
    this.#rows.set(row.slice, row);
    this.#byLease.set(row.stored.lease.id, row);
    this.#indices.add(row.index);
    this.#sorted.set(row);
    if (row.stored.endedAtMs !== null) return;
    const { resources, expiresAtMs } = row.stored.lease;
    this.#live.set(row.stored);
    this.#bound = boundWith(this.#bound, resources);
    if (this.#nextEndMs !== undefined) this.#nextEndMs = Math.min(this.#nextEndMs, expiresAtMs);
  }

  delete(slice: SliceName): void {
    const before = this.#rows.get(slice);
    if (before === undefined) return;
    this.#drop(before);
    this.#rows.delete(slice);
    this.#sorted.delete(slice);
  }

  get(slice: string): SliverRow | undefined {
    return this.#rows.get(slice);
  }

  byLease(id: LeaseId): SliverRow | undefined {
    return this.#byLease.get(id);
  }

  /** In the order of their names. */
  rows(): readonly SliverRow[] {
    return this.#sorted.items();
  }

  /** In the order of their slices' names. */
  live(): readonly StoredLease[] {
    return this.#live.items();
  }

  /** What those that hold bind together. */
  bound(): Bound {
    return this.#bound;
  }

  indices(): ReadonlySet<number> {
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

  /** Takes out of the sums what is said of a row that goes, or becomes another. */
  #drop({ slice, index, stored }: SliverRow): void {
    this.#byLease.delete(stored.lease.id);
    this.#indices.delete(index);
    if (stored.endedAtMs !== null) return;
    this.#live.delete(slice);
    this.#bound = boundWithout(this.#bound, stored.lease.resources);
    if (this.#nextEndMs === stored.lease.expiresAtMs) this.#nextEndMs = undefined;
  }
}
