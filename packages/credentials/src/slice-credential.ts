import { AuthorityName, PlanetLabError, Principal, SliceName, Thumbprint, toInstant } from '@planetlab/model';
import { z } from 'zod';
import type { DocumentKind } from './jws.ts';
import { NumericDate, openDocument, signDocument, toNumericDate, verifyDocument } from './jws.ts';
import type { KeyPair, PublicKey } from './keys.ts';

/**
 * What a credential may allow: see the slice's slivers; lease and release them; log in to them; run programs in them; and,
 * only for `*`, reboot the machine.
 */
export const RIGHTS = ['read', 'lease', 'access', 'exec', 'reboot'] as const;
export type Right = (typeof RIGHTS)[number];

/** An authority's word that a principal may act on a slice with some rights until a time. */
export interface SliceCredential {
  readonly authority: AuthorityName;
  readonly principal: Principal;
  /** Thumbprint of the principal's key; each request under the credential carries a proof made with it. */
  readonly holder: Thumbprint;
  /** `*` is every slice of the authority: for its own broker. */
  readonly slice: SliceName | '*';
  readonly rights: readonly Right[];
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/** An authority whose credentials are accepted. The same name may stand twice while it changes its key. */
export interface TrustedAuthority {
  readonly name: AuthorityName;
  readonly key: PublicKey;
}

const KIND: DocumentKind = {
  type: 'planetlab-slice-credential+jwt',
  what: 'slice credential',
  remedy: 'Ask its authority for a new one.',
  errorCode: 'credential_invalid',
  extraHeaders: [],
};

const Claims = z.strictObject({
  iss: AuthorityName,
  sub: Principal,
  cnf: z.strictObject({ jkt: Thumbprint }),
  slice: z.union([z.literal('*'), SliceName]),
  rights: z.array(z.enum(RIGHTS)).max(RIGHTS.length),
  iat: NumericDate,
  exp: NumericDate,
});

export function issueSliceCredential(authorityKey: KeyPair, credential: SliceCredential): string {
  return signDocument(KIND, authorityKey, {
    iss: credential.authority,
    sub: credential.principal,
    cnf: { jkt: credential.holder },
    slice: credential.slice,
    rights: credential.rights,
    iat: toNumericDate(credential.issuedAtMs),
    exp: toNumericDate(credential.expiresAtMs),
  });
}

/**
 * Whether a trusted authority signed this and it has not expired. The caller still checks the slice, the right and the
 * holder's proof. Throws `credential_invalid`, `credential_foreign`, `credential_expired`.
 */
export function verifySliceCredential(
  token: string,
  trusted: readonly TrustedAuthority[],
  nowMs: number,
): SliceCredential {
  const document = openDocument(KIND, token);
  // The issuer's name is read before the signature is checked, only to choose the key to check with.
  const issuer = document.claims['iss'];
  if (typeof issuer !== 'string') throw document.invalid('it does not say who issued it');
  const candidates = trusted.filter((authority) => authority.name === issuer);
  if (candidates.length === 0) {
    throw new PlanetLabError(
      'credential_foreign',
      `This slice credential is from the authority ${JSON.stringify(issuer.slice(0, 64))}, which is not trusted here. ` +
        'Use a credential of an authority in the policy, or have its owner add this one.',
    );
  }
  const keys = candidates.map(({ key }) => key);
  const claims = verifyDocument(document, keys, Claims);
  if (claims.exp <= nowMs) {
    throw new PlanetLabError(
      'credential_expired',
      `This slice credential expired at ${toInstant(claims.exp)}. Ask its authority for a new one.`,
      { details: { expiredAt: toInstant(claims.exp), now: toInstant(nowMs) } },
    );
  }
  return {
    authority: claims.iss,
    principal: claims.sub,
    holder: claims.cnf.jkt,
    slice: claims.slice,
    rights: claims.rights,
    issuedAtMs: claims.iat,
    expiresAtMs: claims.exp,
  };
}
