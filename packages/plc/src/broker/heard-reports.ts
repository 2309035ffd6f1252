import type { NodeSliver } from '@planetlab/contract';
import type { LeaseId, SliceName } from '@planetlab/model';
import type { HeardState } from './types.ts';

/** Of slivers that were not asked for here: a node is not trusted to have few. */
const UNASKED_LIMIT = 2_000;

/** A report, whole until it is stored: of many thousand slivers not all that was ever said is kept. */
interface Heard extends HeardState {
  readonly whole?: NodeSliver;
}

/** The latest that a node said of each of its slivers. */
export class HeardReports {
  readonly #reports = new Map<SliceName, Heard>();

  get states(): ReadonlyMap<SliceName, HeardState> {
    return this.#reports;
  }

  /** The first reports come before it is known what is asked for: who adopts a lease needs them. */
  note(report: NodeSliver, isAsked: boolean): void {
    const { slice, leaseId, state } = report;
    if (state === 'gone') this.#reports.delete(slice);
    else if (isAsked || this.#reports.size < UNASKED_LIMIT) this.#reports.set(slice, { leaseId, state, whole: report });
  }

  /** The node says that this is how its slivers are. */
  takeKnown(slivers: Iterable<HeardState & { readonly slice: SliceName }>): void {
    this.#reports.clear();
    for (const { slice, leaseId, state } of slivers) this.#reports.set(slice, { leaseId, state });
  }

  /** What is not stored yet, as far as is known. */
  unstored(slice: SliceName): NodeSliver | undefined {
    return this.#reports.get(slice)?.whole;
  }

  /** The database has what was reported under this lease. */
  noteStored(slice: SliceName, leaseId: LeaseId): void {
    const heard = this.#reports.get(slice);
    if (heard?.whole?.leaseId === leaseId) this.#reports.set(slice, { leaseId, state: heard.state });
  }

  /** Of all others the node says nothing any more. */
  keepOnly(slices: ReadonlySet<SliceName>): void {
    for (const slice of this.#reports.keys()) if (!slices.has(slice)) this.#reports.delete(slice);
  }
}
