import type { LeaseId, NodeId, SliceName } from '@planetlab/model';
import { type Known, knownOf } from './known.ts';
import type { BrokerSliver } from './types.ts';
import type { NodeRows, WantedReader } from './wanted-reader.ts';

type Noted = Pick<BrokerSliver, 'leaseId' | 'accessHash'>;

/** What is wanted on one node. Only what may have changed is read again: with many slivers, not all of them for each. */
export class Wanted {
  readonly #reader: WantedReader;
  readonly #node: NodeId;
  /** By the ids of their rows. */
  readonly #slivers = new Map<string, BrokerSliver>();
  /** All of them, until one changes. */
  #list: readonly BrokerSliver[] | undefined;
  #orders: Pick<NodeRows, 'deleted' | 'ends'> = { deleted: false, ends: false };
  /** What is to be read again. */
  #changed: 'all' | Set<SliceName> = 'all';
  /** Leases noted since the last read began: it may not have seen them. */
  readonly #noted = new Map<string, Noted>();

  constructor(reader: WantedReader, node: NodeId) {
    this.#reader = reader;
    this.#node = node;
  }

  /** The first read of a session, of all: what the node has, unless something has changed since it was heard. */
  async begin(): Promise<Known> {
    this.forget();
    return (await this.#readChanged())?.known?.() ?? knownOf([]);
  }

  /** One at a time. The list is the same one as before when nothing in it has changed. */
  async read(): Promise<NodeRows> {
    await this.#readChanged();
    this.#list ??= [...this.#slivers.values()];
    return { ...this.#orders, slivers: this.#list };
  }

  async #readChanged(): Promise<NodeRows | undefined> {
    const changed = this.#changed;
    if (changed !== 'all' && changed.size === 0) return undefined;
    this.#changed = new Set(); // what changes from here on is for the next read
    this.#noted.clear();
    try {
      const rows = await this.#reader.read(this.#node, changed);
      this.#takeUp(changed, rows);
      return rows;
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  #takeUp(changed: 'all' | ReadonlySet<SliceName>, { slivers, deleted, ends }: NodeRows): void {
    this.#orders = { deleted, ends };
    this.#list = undefined;
    for (const { id, slice } of this.#slivers.values())
      if (changed === 'all' || changed.has(slice)) this.#slivers.delete(id);
    for (const sliver of slivers) this.#slivers.set(sliver.id, { ...sliver, ...this.#noted.get(sliver.id) });
  }

  /** Something may have changed: of one slice, or anything. */
  forget(slice?: SliceName): void {
    if (slice === undefined) this.#changed = 'all';
    else if (this.#changed !== 'all') this.#changed.add(slice);
  }

  /** All that has changed is that a sliver has a lease now. */
  noteLease(id: string, leaseId: LeaseId, accessHash: string | null): void {
    const noted = { leaseId, accessHash };
    this.#noted.set(id, noted);
    const sliver = this.#slivers.get(id);
    if (sliver === undefined) return;
    this.#slivers.set(id, { ...sliver, ...noted });
    this.#list = undefined;
  }

  /** The lease that a sliver's row is known to have. */
  leaseOf(id: string): LeaseId | undefined {
    return this.#slivers.get(id)?.leaseId ?? undefined;
  }
}
