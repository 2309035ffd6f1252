import type { LeaseId, SliceName } from '@planetlab/model';
import { renewalTimeMs } from './plan.ts';
import type { HeldLease } from './types.ts';

/** The live leases of ours on one node, and when each is to be renewed. */
export class HeldLeases {
  readonly #bySlice = new Map<SliceName, HeldLease>();
  readonly #renewAtMs = new Map<LeaseId, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get bySlice(): ReadonlyMap<SliceName, HeldLease> {
    return this.#bySlice;
  }

  get renewAtMs(): ReadonlyMap<LeaseId, number> {
    return this.#renewAtMs;
  }

  hold(lease: HeldLease): void {
    this.#bySlice.set(lease.slice, lease);
    this.#renewAtMs.set(lease.id, renewalTimeMs(lease, this.#nowMs()));
  }

  drop({ id, slice }: Pick<HeldLease, 'id' | 'slice'>): void {
    if (this.#bySlice.get(slice)?.id === id) this.#bySlice.delete(slice);
    this.#renewAtMs.delete(id);
  }
}
