/** What of a sliver's resources counts for its part of the processors. */
export interface CpuClaim {
  readonly cpuShares: number;
  readonly cpuReservedMillis: number;
}

/** Whatever is reserved: something is left for those without a reservation. */
const LEAST_REST = 0.01;
/** The kernel's highest weight in units of an ordinary sliver's (262,144 of 1,024). */
export const HIGHEST_WEIGHT = 256;
/** The kernel's steps: 1,024 to an ordinary sliver's weight. */
const STEP = 1 / 1024;

/**
 * The weight of each sliver in the kernel, 1 for an ordinary one. The kernel knows no reservation that lends its idle
 * time out; weights do both. When all are busy, each gets its reservation plus its share of what is not reserved; whoever
 * is idle is shared out in the same proportions, so nobody's part is ever smaller than that. A sliver without a
 * reservation weighs its shares, and so only those with one change when another comes or goes.
 */
export function cpuWeights<K>(claims: ReadonlyMap<K, CpuClaim>, cores: number): ReadonlyMap<K, number> {
  const { shares, rest } = totals(claims, cores);
  const exact = new Map(
    [...claims].map(([key, claim]) => [
      key,
      claim.cpuShares + (claim.cpuReservedMillis / (1000 * cores)) * (shares / rest),
    ]),
  );
  const scale = Math.min(1, HIGHEST_WEIGHT / [...exact.values()].reduce((most, weight) => Math.max(most, weight), 0));
  return new Map(
    [...exact].map(([key, weight]) => {
      const reserves = (claims.get(key)?.cpuReservedMillis ?? 0) > 0;
      const steps = (weight * scale) / STEP;
      return [key, Math.min(HIGHEST_WEIGHT, STEP * Math.max(2, reserves ? Math.ceil(steps) : Math.round(steps)))];
    }),
  );
}

/** What a claim is worth when every sliver is busy, in thousandths of a core. */
export function guaranteedMillis(claim: CpuClaim, claims: readonly CpuClaim[], cores: number): number {
  const { shares, rest, reserved } = totals(new Map(claims.map((each, index) => [index, each])), cores);
  const part = claim.cpuReservedMillis / (1000 * cores) + (rest * claim.cpuShares) / shares;
  return (1000 * cores * part) / (reserved + rest);
}

function totals(claims: ReadonlyMap<unknown, CpuClaim>, cores: number) {
  let shares = 0;
  let reserved = 0;
  for (const claim of claims.values()) {
    shares += claim.cpuShares;
    reserved += claim.cpuReservedMillis / (1000 * cores);
  }
  return { shares, reserved, rest: Math.max(LEAST_REST, 1 - reserved) };
}
