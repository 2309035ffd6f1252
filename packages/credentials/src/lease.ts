import type { Resources as ResourcesType } from '@planetlab/model';
import {
  AuthorityName,
  ImageName,
  LeaseId,
  NodeId,
  NodeName,
  PlanetLabError,
  Principal,
  Resources,
  SliceName,
  Thumbprint,
  toInstant,
} from '@planetlab/model';
import { z } from 'zod';
import type { DocumentKind } from './jws.ts';
import { NumericDate, openDocument, signDocument, toNumericDate, verifyDocument } from './jws.ts';
import type { KeyPair, PublicKey } from './keys.ts';

/** A node's promise, signed by it: these resources are bound to the sliver `slice@nodeName` until a time (N8). */
export interface Lease {
  readonly id: LeaseId;
  readonly node: NodeId;
  readonly nodeName: NodeName;
  readonly slice: SliceName;
  /** Thumbprint of the key that may renew, read and release it. */
  readonly holder: Thumbprint;
  /** Who asked for it, and on whose authority: every sliver leads back to a person. */
  readonly principal: Principal;
  readonly authority: AuthorityName;
  readonly resources: ResourcesType;
  readonly image: ImageName;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Why its holder wants the sliver kept stopped, with its disk; absent while it may run. */
  readonly stopped?: string;
}

/** The longest reason that a lease carries, in characters. */
const STOP_REASON_LIMIT = 500;

const KIND: DocumentKind = {
  type: 'planetlab-lease+jwt',
  what: 'lease',
  remedy: 'Ask the node for a new one.',
  errorCode: 'credential_invalid',
  extraHeaders: [],
};

const Claims = z.strictObject({
  jti: LeaseId,
  iss: NodeId,
  sub: Principal,
  cnf: z.strictObject({ jkt: Thumbprint }),
  node: NodeName,
  slice: SliceName,
  authority: AuthorityName,
  resources: Resources,
  image: ImageName,
  iat: NumericDate,
  exp: NumericDate,
  stopped: z.string().max(STOP_REASON_LIMIT).optional(),
});

export function issueLease(nodeKey: KeyPair, lease: Lease): string {
  return signDocument(KIND, nodeKey, {
    jti: lease.id,
    iss: lease.node,
    sub: lease.principal,
    cnf: { jkt: lease.holder },
    node: lease.nodeName,
    slice: lease.slice,
    authority: lease.authority,
    resources: lease.resources,
    image: lease.image,
    iat: toNumericDate(lease.issuedAtMs),
    exp: toNumericDate(lease.expiresAtMs),
    ...(lease.stopped === undefined ? {} : { stopped: lease.stopped }),
  });
}

/** Whether this node signed the lease and it still holds. Throws `credential_invalid`, `lease_expired`. */
export function verifyLease(token: string, nodeKey: PublicKey, nowMs: number): Lease {
  const lease = readLease(token, nodeKey);
  if (lease.expiresAtMs > nowMs) return lease;
  throw new PlanetLabError(
    'lease_expired',
    `The lease of ${lease.slice}@${lease.nodeName} ended at ${toInstant(lease.expiresAtMs)}. Ask the node for a new one.`,
    { details: { expiredAt: toInstant(lease.expiresAtMs), now: toInstant(nowMs) } },
  );
}

/**
 * Reads a lease without looking at the clock: for recovery, where a node must know also what it promised until a moment
 * ago. Throws `credential_invalid` unless this node signed it.
 */
export function readLease(token: string, nodeKey: PublicKey): Lease {
  const claims = verifyDocument(openDocument(KIND, token), [nodeKey], Claims);
  return {
    id: claims.jti,
    node: claims.iss,
    nodeName: claims.node,
    slice: claims.slice,
    holder: claims.cnf.jkt,
    principal: claims.sub,
    authority: claims.authority,
    resources: claims.resources,
    image: claims.image,
    issuedAtMs: claims.iat,
    expiresAtMs: claims.exp,
    ...(claims.stopped === undefined ? {} : { stopped: claims.stopped }),
  };
}
