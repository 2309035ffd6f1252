import type { SliceName } from '@planetlab/model';
import type { BrokerSliver } from './types.ts';

/** What follows from what is wanted on a node, by slice: made anew only from another list than before. */
export class Placed {
  #seen: readonly BrokerSliver[] = [];
  #wanted: ReadonlyMap<SliceName, string | undefined> = new Map();
  #uninitialised: ReadonlySet<SliceName> = new Set();

  /** Slices with a row for this node, with the request's pause key of the one that is wanted. */
  get wanted(): ReadonlyMap<SliceName, string | undefined> {
    return this.#wanted;
  }

  /** Slices whose initial command waits for its sliver to run. */
  get uninitialised(): ReadonlySet<SliceName> {
    return this.#uninitialised;
  }

  /** The slices that were not here before. */
  see(slivers: readonly BrokerSliver[]): readonly SliceName[] {
    if (slivers === this.#seen) return [];
    const before = this.#wanted;
    this.#seen = slivers;
    this.#wanted = new Map(slivers.map(({ slice, wanted, id }) => [slice, wanted ? id : undefined]));
    this.#uninitialised = new Set(slivers.flatMap(({ slice, initialCommand }) => (initialCommand === '' ? [] : slice)));
    return [...this.#wanted.keys()].filter((slice) => !before.has(slice));
  }
}
