import { randomInt } from 'node:crypto';
import type { LeaseRecord } from '@planetlab/contract';
import { type NodeIdentity, readLease } from '@planetlab/credentials';
import { isPlanetLabError, PlanetLabError, sameResources } from '@planetlab/model';
import type { NodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import type { Known } from './known.ts';
import { shared } from './shared.ts';
import type { HeldLease } from './types.ts';

/**
 * A lease as the node's signature has it: what stands beside the signature must say the same.
 * Throws `credential_invalid`.
 */
export function checkedLease(record: LeaseRecord, node: NodeIdentity, holder: string): HeldLease {
  const signed = readLease(record.token, node.key);
  const same =
    signed.id === record.id &&
    signed.node === node.nodeId &&
    signed.slice === record.slice &&
    signed.holder === holder &&
    record.holder === holder &&
    signed.stopped === record.stopped &&
    sameResources(signed.resources, record.resources) &&
    Math.abs(signed.expiresAtMs - Date.parse(record.expiresAt)) < 1000; // tokens may count in whole seconds
  if (same) return heldLease(record);
  throw new PlanetLabError(
    'credential_invalid',
    `The node "${node.nodeName}" gave a lease for ${record.slice} that does not say what it signed. Tell its site.`,
  );
}

/**
 * The leases of one answer, each or why it does not count. What a node says through its own uplink is its word, and its
 * signatures are kept by nobody here: they are for those whom a lease is shown to. So one of them, drawn by lot, is checked, and only
 * when that one is not good each of them.
 */
export function checkedLeases(
  records: readonly LeaseRecord[],
  node: NodeIdentity,
  holder: string,
  draw: (below: number) => number = randomInt,
): readonly (HeldLease | Error)[] {
  const check = (record: LeaseRecord) => orError(() => checkedLease(record, node, holder));
  const drawn = records.length === 0 ? undefined : records[draw(records.length)];
  const areGood = drawn === undefined || !(check(drawn) instanceof Error);
  return records.map((record) => (areGood && record.holder === holder ? heldLease(record) : check(record)));
}

function orError(check: () => HeldLease): HeldLease | Error {
  try {
    return check();
  } catch (error) {
    if (isPlanetLabError(error)) return error;
    throw error;
  }
}

export const heldLease = ({ id, slice, expiresAt, resources, stopped }: LeaseRecord): HeldLease => ({
  ...{ id, slice, expiresAt, resources: shared(resources) },
  ...(stopped === undefined ? {} : { stopped }),
});

/** The live leases of this holder on a node, which are those that are known unless the node says otherwise. */
export async function listLeases(
  { client, uplink, holder }: { readonly client: NodeClient; readonly uplink: Uplink; readonly holder: string },
  assumed: Known | undefined,
): Promise<readonly HeldLease[]> {
  const { leases = [], leasesDigest } = assumed ?? {};
  const { items, known } = await client.listLeases({ query: { known: leasesDigest } }, { signal: uplink.closed });
  if (known === true) return leases;
  const noted = new Set(leases.map(({ id }) => id));
  // The signature of one that we have noted was checked then.
  return items
    .filter((lease) => lease.holder === holder)
    .map((lease) => (noted.has(lease.id) ? heldLease(lease) : checkedLease(lease, uplink.node, holder)));
}
