import type { NodeSliver } from '@planetlab/contract';
import type { SliceName } from '@planetlab/model';

interface Waiting {
  readonly report: NodeSliver;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Stores what a node says of its slivers: of many at the same time, of one after the other, and of what comes meanwhile
 * only the newest. So a node with much to say is heard as fast as one with little, and cannot make more than that wait.
 */
export class ReportWriter {
  readonly #store: (report: NodeSliver) => Promise<void>;
  /** Slices of which a report is being stored, with the next one. */
  readonly #next = new Map<SliceName, Waiting | undefined>();

  constructor(store: (report: NodeSliver) => Promise<void>) {
    this.#store = store;
  }

  /** Resolves when this report is stored, or a newer one has come. */
  write(report: NodeSliver): Promise<void> {
    return new Promise((done, failed) => {
      const { slice } = report;
      const waiting = { report, done, failed };
      if (!this.#next.has(slice)) return void this.#work(slice, waiting);
      this.#next.get(slice)?.done();
      this.#next.set(slice, waiting);
    });
  }

  async #work(slice: SliceName, first: Waiting): Promise<void> {
    for (let current: Waiting | undefined = first; current !== undefined; current = this.#next.get(slice)) {
      this.#next.set(slice, undefined);
      await this.#store(current.report).then(current.done, current.failed);
    }
    this.#next.delete(slice);
  }
}
