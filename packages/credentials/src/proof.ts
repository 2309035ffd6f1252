import { createHash, randomBytes } from 'node:crypto';
import { formatDuration, MINUTE_MS, PlanetLabError, toInstant } from '@planetlab/model';
import { z } from 'zod';
import type { DocumentKind } from './jws.ts';
import { NumericDate, openDocument, signDocument, toNumericDate, verifyDocument } from './jws.ts';
import type { KeyPair, PublicKey } from './keys.ts';
import { parsePublicKey } from './keys.ts';
import type { ReplayGuard } from './replay-guard.ts';

/** How far the clocks of the two sides may be apart. */
export const PROOF_SKEW_MS = MINUTE_MS;

/** The request that a proof is for. */
export interface ProvenRequest {
  /** In upper case, as HTTP has it. */
  readonly method: string;
  /** Path and query exactly as on the request line, for example `/v1/leases?slice=demo_hello`. */
  readonly path: string;
  /** The credential or lease that the request is made under. */
  readonly token: string;
}

const KIND: DocumentKind = {
  type: 'dpop+jwt',
  what: 'proof of possession',
  remedy: 'Sign the request anew, exactly as it is sent.',
  errorCode: 'proof_invalid',
  extraHeaders: ['jwk'],
};

// Not strict: RFC 9449 has claims that we do not use (such as `nonce`), and they cannot widen what a proof proves.
const Claims = z.object({
  htm: z.string().max(32),
  htu: z.string().max(8192),
  ath: z.string().max(64),
  jti: z.string().min(8).max(128),
  iat: NumericDate,
});

/**
 * Proves, for one request, that whoever makes it holds the key (DPoP, RFC 9449). One difference from the RFC: `htu` is
 * the path and query alone. A node is reached under several names (directly, through its uplink, over a Unix socket),
 * and which one it was is not the signer's to know; that a credential is for this node, its slice and policy decide.
 */
export function createProof(key: KeyPair, request: ProvenRequest, nowMs: number): string {
  const claims = {
    htm: request.method,
    htu: request.path,
    ath: hashToken(request.token),
    jti: randomBytes(16).toString('base64url'),
    iat: toNumericDate(nowMs),
  };
  return signDocument(KIND, key, claims, { jwk: key.publicKey.jwk });
}

/**
 * The key that signed this proof for exactly this request, now, and for the first time. The caller compares its
 * thumbprint with the credential's holder. Throws `proof_invalid`, `proof_replayed`, `clock_skew`, and
 * `too_many_requests` when the guard is full.
 */
export function verifyProof(proof: string, request: ProvenRequest, nowMs: number, guard: ReplayGuard): PublicKey {
  const document = openDocument(KIND, proof);
  const key = keyInHeader(document.header['jwk'], document.invalid);
  const claims = verifyDocument(document, [key], Claims);
  if (claims.htm !== request.method) throw document.invalid('it is for another method than the request’s');
  if (claims.htu !== request.path) throw document.invalid('it is for another path than the request’s');
  if (claims.ath !== hashToken(request.token)) throw document.invalid('it is for another credential');
  checkClock(claims.iat, nowMs);
  if (!guard.remember(guardId(key, claims.jti), nowMs)) {
    throw new PlanetLabError(
      'proof_replayed',
      'This proof of possession was used before. Sign a new one for every request, for a repeated one too.',
    );
  }
  return key;
}

function keyInHeader(jwk: unknown, invalid: (why: string) => PlanetLabError): PublicKey {
  try {
    return parsePublicKey(jwk);
  } catch {
    throw invalid('its "jwk" is not an Ed25519 public key');
  }
}

function checkClock(signedAtMs: number, nowMs: number): void {
  const aheadMs = signedAtMs - nowMs;
  if (Math.abs(aheadMs) <= PROOF_SKEW_MS) return;
  throw new PlanetLabError(
    'clock_skew',
    `The caller’s clock is ${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine’s, ` +
      `where it is ${toInstant(nowMs)}; ${formatDuration(PROOF_SKEW_MS)} is the most. ` +
      'Check the time synchronisation (timedatectl) on both.',
    { details: { signedAt: toInstant(signedAtMs), now: toInstant(nowMs), aheadMs } },
  );
}

/** Of fixed size, and apart for each key, so that nobody can use up another's ids. */
const guardId = (key: PublicKey, jti: string): string =>
  createHash('sha256').update(`${key.thumbprint}.${jti}`).digest('base64url').slice(0, 22);

/** RFC 9449's `ath`. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('base64url');
