import type { TrustedAuthority } from '@planetlab/credentials';
import { DAY_MS, type ResourceSums } from '@planetlab/model';

/** By what an owner decides who gets how much (requirement N7). */
export interface Policy {
  /** Only their credentials count. */
  readonly authorities: readonly TrustedAuthority[];
  readonly maxLeaseMs: number;
  /** Share of everything that adds up kept for the node itself. */
  readonly nodeFraction: number;
  /** Share kept for experiments: leases of at most `experimentMs` may use it, longer ones may not. */
  readonly experimentalFraction: number;
  readonly experimentMs: number;
  /** CPU shares are weights, which cannot run out; one sliver's is bounded instead. */
  readonly maxCpuSharesPerSliver: number;
  readonly maxSlivers: number;
}

/** The built-in policy: the one authority that the node joined, and the original's manners. */
export const defaultPolicy = (authority: TrustedAuthority): Policy => ({
  authorities: [authority],
  maxLeaseMs: 28 * DAY_MS,
  nodeFraction: 0.15,
  experimentalFraction: 0.05,
  experimentMs: DAY_MS,
  maxCpuSharesPerSliver: 100,
  maxSlivers: 1000,
});

/** What leases of this length may bind together, of what the host has. */
export function promisable(policy: Policy, host: ResourceSums, leaseMs: number): ResourceSums {
  const reserved = policy.nodeFraction + (leaseMs <= policy.experimentMs ? 0 : policy.experimentalFraction);
  const part = (amount: number): number => Math.floor(amount * (1 - reserved));
  return {
    cpuReservedMillis: part(host.cpuReservedMillis),
    memoryMiB: part(host.memoryMiB),
    diskMiB: part(host.diskMiB),
    processes: part(host.processes),
    egressMinKbps: part(host.egressMinKbps),
  };
}
