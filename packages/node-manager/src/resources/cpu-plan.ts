import type { SliceName } from '@planetlab/model';
import { type CpuClaim, cpuWeights } from './cpu-weights.ts';

/** What every sliver's weight is to be, kept while slivers come and go. */
export interface CpuPlan {
  /** Takes the claims of all slivers; the slices whose weight is another one now. */
  set(leases: readonly { readonly slice: SliceName; readonly resources: CpuClaim }[]): readonly SliceName[];
  /** The weight of one sliver, also of one that came after the last `set`. */
  weightOf(slice: SliceName, claim: CpuClaim): number;
  /** Slivers that have something reserved, in thousandths of a core, with their weights. */
  reserved(): ReadonlyMap<SliceName, Reserved>;
}

export interface Reserved {
  readonly millis: number;
  readonly weight: number;
}

export function createCpuPlan(cores: number): CpuPlan {
  let claims = new Map<SliceName, CpuClaim>();
  let weights: ReadonlyMap<SliceName, number> = new Map();
  /** What has been given out. */
  let told = new Map<SliceName, number>();
  /** Read far more often than the claims change. */
  let reserved: ReadonlyMap<SliceName, Reserved> | undefined;
  const weigh = () => {
    weights = cpuWeights(claims, cores);
    reserved = undefined;
  };
  return {
    set(leases) {
      claims = new Map(leases.map(({ slice, resources }) => [slice, resources]));
      weigh();
      const changed = [...weights].filter(([slice, weight]) => told.get(slice) !== weight).map(([slice]) => slice);
      told = new Map(weights);
      return changed;
    },
    weightOf(slice, claim) {
      const known = claims.get(slice);
      if (known?.cpuShares !== claim.cpuShares || known.cpuReservedMillis !== claim.cpuReservedMillis) {
        claims.set(slice, claim);
        weigh();
      }
      const weight = weights.get(slice) ?? claim.cpuShares;
      told.set(slice, weight);
      return weight;
    },
    reserved: () => (reserved ??= reservedIn(claims, weights)),
  };
}

const reservedIn = (
  claims: ReadonlyMap<SliceName, CpuClaim>,
  weights: ReadonlyMap<SliceName, number>,
): ReadonlyMap<SliceName, Reserved> =>
  new Map(
    [...claims].flatMap(([slice, { cpuShares, cpuReservedMillis: millis }]) =>
      millis > 0 ? [[slice, { millis, weight: weights.get(slice) ?? cpuShares }] as const] : [],
    ),
  );
