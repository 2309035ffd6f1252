import type { NodeId } from '@planetlab/model';

/** A part of what is shown of a node, written as a part of JSON. */
export interface Written<T> {
  /** Of what is stored. */
  readonly version: string;
  readonly json: Buffer;
  /** What is needed of it besides. */
  readonly from: T;
}

/** Keeps what was written of nodes, as long as there is no other version of what is stored of them. */
export class KeptWritten<T> {
  readonly #most: number;
  readonly #kept = new Map<NodeId, Written<T>>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Of each of these nodes; what is not known in its version is read. One that is not there any more is left out. */
  async of(
    wanted: readonly { readonly id: NodeId; readonly version: string }[],
    read: (ids: readonly NodeId[]) => Promise<readonly (Written<T> & { readonly id: NodeId })[]>,
  ): Promise<ReadonlyMap<NodeId, Written<T>>> {
    const found = new Map<NodeId, Written<T>>();
    const missing: NodeId[] = [];
    for (const { id, version } of wanted) {
      const kept = this.#kept.get(id);
      if (kept?.version === version) found.set(id, kept);
      else missing.push(id);
    }
    if (missing.length === 0) return found;
    for (const written of await read(missing)) {
      found.set(written.id, written);
      this.#keep(written.id, written);
    }
    return found;
  }

  /** The oldest give way. */
  #keep(id: NodeId, written: Written<T>): void {
    this.#kept.delete(id);
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined && this.#kept.size >= this.#most) this.#kept.delete(oldest);
    this.#kept.set(id, written);
  }
}
