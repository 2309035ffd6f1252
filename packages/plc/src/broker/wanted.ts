import type { LeaseId, NodeId } from '@planetlab/model';
import type { Db } from '../store/schema.ts';
import { loadNode } from './store.ts';

type NodeRows = Awaited<ReturnType<typeof loadNode>>;

/** What is wanted on one node, read again only after something has changed: with many slivers, not all of them for each. */
export class Wanted {
  readonly #db: Db;
  readonly #node: NodeId;
  #read: NodeRows | undefined;
  #changes = 0;

  constructor(db: Db, node: NodeId) {
    this.#db = db;
    this.#node = node;
  }

  async read(): Promise<NodeRows> {
    if (this.#read !== undefined) return this.#read;
    const changes = this.#changes;
    const read = await loadNode(this.#db, this.#node);
    if (changes === this.#changes) this.#read = read; // else it may be old already
    return read;
  }

  /** Something may have changed. */
  forget(): void {
    this.#read = undefined;
    this.#changes += 1;
  }

  /** All that has changed is that a sliver has a lease now. */
  noteLease(sliverId: string, leaseId: LeaseId, accessHash: string): void {
    const row = this.#read?.slivers.find(({ id }) => id === sliverId);
    if (this.#read === undefined || row === undefined) return void this.forget();
    const noted = { ...row, leaseId, accessHash };
    this.#read = { ...this.#read, slivers: this.#read.slivers.map((each) => (each === row ? noted : each)) };
  }
}
