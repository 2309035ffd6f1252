import type { LeaseRecord } from '@planetlab/contract';
import { type NodeIdentity, readLease } from '@planetlab/credentials';
import { PlanetLabError, sameResources } from '@planetlab/model';
import { shared } from './shared-resources.ts';
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
    signed.stopped === record.stopped &&
    sameResources(signed.resources, record.resources) &&
    Math.abs(signed.expiresAtMs - Date.parse(record.expiresAt)) < 1000; // tokens may count in whole seconds
  if (same) return heldLease(record);
  throw new PlanetLabError(
    'credential_invalid',
    `The node "${node.nodeName}" gave a lease for ${record.slice} that does not say what it signed. Tell its site.`,
  );
}

export const heldLease = ({ id, slice, expiresAt, resources, stopped }: LeaseRecord): HeldLease => ({
  ...{ id, slice, expiresAt, resources: shared(resources) },
  ...(stopped === undefined ? {} : { stopped }),
});
