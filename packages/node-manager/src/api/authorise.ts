import {
  type ReplayGuard,
  type Right,
  type SliceCredential,
  type TrustedAuthority,
  verifyProof,
  verifySliceCredential,
} from '@planetlab/credentials';
import { PlanetLabError, type SliceName } from '@planetlab/model';

export interface AuthoriserOptions {
  readonly trusted: readonly TrustedAuthority[];
  readonly guard: ReplayGuard;
  readonly now: () => number;
}

/** What of a request decides who makes it. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as on the request line. */
  readonly path: string;
  readonly authorization: string | undefined;
  readonly proof: string | undefined;
}

/**
 * Who makes this request, if it may do this: a slice credential of a trusted authority with the right, and a proof that
 * the caller holds the credential's key. Throws `credential_missing`, `credential_invalid`, `credential_foreign`,
 * `credential_expired`, `credential_insufficient`, `proof_invalid`, `proof_replayed`, `clock_skew`.
 */
export type Authorise = (request: SignedRequest, right: Right) => SliceCredential;

export function createAuthoriser({ trusted, guard, now }: AuthoriserOptions): Authorise {
  const verified = credentialVerifier(trusted);
  return (request, right) => {
    const token = /^DPoP ([^\s]+)$/i.exec(request.authorization ?? '')?.[1];
    if (token === undefined || request.proof === undefined) {
      throw new PlanetLabError(
        'credential_missing',
        'This needs a slice credential (Authorization: DPoP ...) and a proof of possession (DPoP: ...). Ask an authority that this node serves.',
      );
    }
    const nowMs = now();
    const credential = verified(token, nowMs);
    // the proof last: its id is used up only by a request that could have succeeded
    const key = verifyProof(request.proof, { method: request.method, path: request.path, token }, nowMs, guard);
    if (key.thumbprint !== credential.holder) {
      throw new PlanetLabError(
        'proof_invalid',
        'This proof of possession is not made with the key that the credential is for. Sign with the holder’s key.',
      );
    }
    if (!credential.rights.includes(right)) throw insufficient(`it does not give the right "${right}"`);
    return credential;
  };
}

const CREDENTIALS_KEPT = 256;

/** A credential serves for many requests: its signature is checked at the first, its end at each. */
function credentialVerifier(trusted: readonly TrustedAuthority[]) {
  const known = new Map<string, SliceCredential>();
  return (token: string, nowMs: number): SliceCredential => {
    const before = known.get(token);
    if (before !== undefined && before.expiresAtMs > nowMs) return before;
    known.delete(token);
    const credential = verifySliceCredential(token, trusted, nowMs);
    if (known.size >= CREDENTIALS_KEPT) known.clear();
    known.set(token, credential);
    return credential;
  };
}

export const covers = (credential: SliceCredential, slice: string): boolean =>
  credential.slice === '*' || credential.slice === slice;

/** Throws `credential_insufficient` unless the credential is for this slice. */
export function requireSlice(credential: SliceCredential, slice: SliceName): void {
  if (!covers(credential, slice)) throw insufficient(`it is for the slice ${credential.slice}, not for ${slice}`);
}

export const insufficient = (why: string) =>
  new PlanetLabError(
    'credential_insufficient',
    `The slice credential does not cover this: ${why}. Ask its authority for one that does.`,
  );
