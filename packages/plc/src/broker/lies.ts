import type { NodeName, SliceName } from '@planetlab/model';
import type { Logger } from 'pino';

const MOST_NAMED = 100;

/** Slivers that other brokers lease are none of ours; and a node cannot speak about slices that are not placed on it. */
export class Lies {
  readonly #log: Logger;
  readonly #node: NodeName;
  readonly #named = new Set<SliceName>();

  constructor(log: Logger, node: NodeName) {
    this.#log = log;
    this.#node = node;
  }

  /** Names each once in the log, up to a limit: a node that says much must not fill it. */
  note(slice: SliceName): void {
    if (this.#named.has(slice) || this.#named.size >= MOST_NAMED) return;
    this.#named.add(slice);
    this.#log.warn({ node: this.#node, slice }, 'a node reports a sliver that was not asked for here; ignored');
  }
}
