import {
  addResources,
  NO_RESOURCES,
  type ResourceSums,
  type Resources,
  subtractResources,
  sumsOf,
} from '@planetlab/model';

/** What leases that hold now bind together. */
export interface Bound {
  readonly slivers: number;
  readonly sums: ResourceSums;
}

export const NOTHING_BOUND: Bound = { slivers: 0, sums: NO_RESOURCES };

export const boundWith = ({ slivers, sums }: Bound, resources: Resources): Bound => ({
  slivers: slivers + 1,
  sums: addResources(sums, sumsOf(resources)),
});

export const boundWithout = ({ slivers, sums }: Bound, resources: Resources): Bound => ({
  slivers: slivers - 1,
  sums: subtractResources(sums, sumsOf(resources)),
});
