/** A packet that has arrived at the far end of its path. */
export interface Arrival {
  readonly to: number;
  readonly packet: Uint8Array;
}

interface Flight extends Arrival {
  readonly dueMs: number;
  /** Order of departure, so that packets of one pair never overtake each other. */
  readonly sequence: number;
  readonly pair: number;
}

/**
 * The paths between ports, as a queue of packets in flight: each packet arrives after the one-way latency of its pair,
 * in order, unless too many are under way between the two already (drop-tail). It has no clock: times are passed in,
 * from one that never runs backwards.
 */
export class DelayLine {
  readonly #oneWayMs: readonly (readonly number[])[];
  readonly #maxPacketsPerPair: number;
  readonly #inFlight: Int32Array;
  /** A binary heap, the packet that is due first in front. */
  readonly #heap: Flight[] = [];
  #departures = 0;

  constructor(oneWayMs: readonly (readonly number[])[], maxPacketsPerPair: number) {
    this.#oneWayMs = oneWayMs;
    this.#maxPacketsPerPair = maxPacketsPerPair;
    this.#inFlight = new Int32Array(oneWayMs.length ** 2);
  }

  get size(): number {
    return this.#heap.length;
  }

  /** When the next packet arrives; Infinity when none is in flight. */
  get nextDueMs(): number {
    return this.#heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** Sends a packet on its way, or drops it (false) when the pair's queue is full. The line keeps the bytes as they are given. */
  offer(from: number, to: number, packet: Uint8Array, nowMs: number): boolean {
    const latencyMs = this.#oneWayMs[from]?.[to];
    if (latencyMs === undefined) throw new RangeError(`no path from port ${from} to port ${to}`);
    const pair = from * this.#oneWayMs.length + to;
    const inFlight = this.#inFlight[pair] ?? 0;
    if (inFlight >= this.#maxPacketsPerPair) return false;
    this.#inFlight[pair] = inFlight + 1;
    this.#push({ to, packet, pair, dueMs: nowMs + latencyMs, sequence: this.#departures++ });
    return true;
  }

  /** The next packet that has arrived by now, if any. */
  take(nowMs: number): Arrival | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#removeFirst();
    this.#inFlight[first.pair] = (this.#inFlight[first.pair] ?? 1) - 1;
    return first;
  }

  #push(flight: Flight): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || before(parent, flight)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = flight;
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const child = this.#earlierChild(index);
      if (child === undefined || before(last, child.flight)) break;
      heap[index] = child.flight;
      index = child.index;
    }
    heap[index] = last;
  }

  #earlierChild(parent: number): { index: number; flight: Flight } | undefined {
    const index = 2 * parent + 1;
    const left = this.#heap[index];
    const right = this.#heap[index + 1];
    if (left === undefined) return undefined;
    return right !== undefined && before(right, left) ? { index: index + 1, flight: right } : { index, flight: left };
  }
}

const before = (a: Flight, b: Flight): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
