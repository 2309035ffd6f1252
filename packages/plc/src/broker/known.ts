import { digestOfLeases, digestOfSlivers, type KnownSliver } from '@planetlab/contract/server';
import { toInstant } from '@planetlab/model';
import type { Selectable } from 'kysely';
import type { SliverTable } from '../store/schema.ts';
import type { BrokerSliver, HeldLease } from './types.ts';

/**
 * What a node has, if it is as it was when it was last heard of and all that is wanted was done. The node is asked whether
 * it is so by a digest: after a restart a hundred thousand slivers need not be told again.
 */
export interface Known {
  readonly leases: readonly HeldLease[];
  readonly leasesDigest: string;
  readonly slivers: readonly KnownSliver[];
  readonly sliversDigest: string;
}

/** What a sliver's row says of it, besides what is wanted. */
export interface Noted extends Pick<Selectable<SliverTable>, 'reason' | 'ipv4' | 'ipv6'> {
  readonly lease_expires_ms: number | null;
  /** Of the latest notice that was heard. */
  readonly noticed_ms: number | null;
}

export function knownOf(rows: readonly (readonly [BrokerSliver, Noted])[]): Known {
  const leases: HeldLease[] = [];
  const slivers: KnownSliver[] = [];
  for (const [{ slice, resources, stopped, leaseId, shown }, noted] of rows) {
    const { lease_expires_ms, noticed_ms, reason, ipv4, ipv6 } = noted;
    if (leaseId === null || lease_expires_ms === null) continue;
    const expiresAt = toInstant(lease_expires_ms);
    leases.push({ ...{ id: leaseId, slice, expiresAt, resources }, ...(stopped === null ? {} : { stopped }) });
    const noticedAt = noticed_ms === null ? null : toInstant(noticed_ms);
    slivers.push({ slice, leaseId, state: shown.state, reason, ipv4, ipv6, noticedAt });
  }
  return { leases, leasesDigest: digestOfLeases(leases), slivers, sliversDigest: digestOfSlivers(slivers) };
}
