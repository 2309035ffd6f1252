import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyPair } from './index.ts';
import {
  createProof,
  createReplayGuard,
  generateKeyPair,
  issueLease,
  issueSliceCredential,
  parseJoinToken,
  readLease,
  verifyLease,
  verifyProof,
  verifySliceCredential,
} from './index.ts';
import { codeOf, forge, lease, NOW_MS, sliceCredential } from './testing.ts';

/** What every kind of signed document withstands: whoever sends what, there is a stable code and never a crash. */
const issuer = generateKeyPair();
const request = { method: 'POST', path: '/v1/leases', token: 'a.b.c' };
const trusted = [{ name: sliceCredential(issuer).authority, key: issuer.publicKey }];

interface Kind {
  readonly name: string;
  readonly header: Readonly<Record<string, unknown>>;
  readonly invalid: string;
  issue(key: KeyPair): string;
  verify(token: string): unknown;
}

const kinds: readonly Kind[] = [
  {
    name: 'slice credential',
    header: { alg: 'EdDSA', typ: 'planetlab-slice-credential+jwt' },
    invalid: 'credential_invalid',
    issue: (key) => issueSliceCredential(key, sliceCredential(key)),
    verify: (token) => verifySliceCredential(token, trusted, NOW_MS),
  },
  {
    name: 'lease',
    header: { alg: 'EdDSA', typ: 'planetlab-lease+jwt' },
    invalid: 'credential_invalid',
    issue: (key) => issueLease(key, lease(key)),
    verify: (token) => verifyLease(token, issuer.publicKey, NOW_MS),
  },
  {
    name: 'proof',
    header: { alg: 'EdDSA', typ: 'dpop+jwt', jwk: issuer.publicKey.jwk },
    invalid: 'proof_invalid',
    issue: (key) => createProof(key, request, NOW_MS),
    verify: (token) => verifyProof(token, request, NOW_MS, createReplayGuard()),
  },
];

const claimsOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

describe.each(kinds)('a $name', (kind) => {
  const token = kind.issue(issuer);
  const claims = claimsOf(token);
  const refuse = (text: string, why: string): void => {
    expect(
      codeOf(() => kind.verify(text)),
      why,
    ).toBe(kind.invalid);
  };

  it('verifies as it was issued', () => {
    expect(() => kind.verify(token)).not.toThrow();
  });

  it('is refused when any character of it is another', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.constantFrom(...'AQgw09-_.=+/ \n\0é'), (at, character) => {
        fc.pre(token[at] !== character);
        const changed = token.slice(0, at) + character + token.slice(at + 1);
        // A changed issuer may also be one that is not trusted.
        expect([kind.invalid, 'credential_foreign']).toContain(codeOf(() => kind.verify(changed)));
      }),
      { numRuns: 400 },
    );
  });

  it('is refused when any bit of its three parts is flipped', () => {
    const parts = token.split('.').map((part) => Buffer.from(part, 'base64url'));
    fc.assert(
      fc.property(fc.nat(2), fc.nat(10_000), fc.nat(7), (which, byte, bit) => {
        const flipped = parts.map((part, index) => {
          const copy = Buffer.from(part);
          const at = byte % copy.length;
          if (index === which) copy[at] = (copy[at] ?? 0) ^ (1 << bit);
          return copy.toString('base64url');
        });
        expect([kind.invalid, 'credential_foreign']).toContain(codeOf(() => kind.verify(flipped.join('.'))));
      }),
      { numRuns: 400 },
    );
  });

  it('is never taken for one of another kind', () => {
    for (const other of kinds) if (other !== kind) refuse(other.issue(issuer), other.name);
  });

  it('is refused with another algorithm, whatever its signature', () => {
    const rawKey = Buffer.from(issuer.publicKey.jwk.x, 'base64url');
    const hmac = (data: Uint8Array) => createHmac('sha256', rawKey).update(data).digest();
    refuse(
      forge({ ...kind.header, alg: 'none' }, claims, () => new Uint8Array()),
      'none',
    );
    refuse(forge({ ...kind.header, alg: 'HS256' }, claims, hmac), 'HS256 with the public key as the secret');
    refuse(forge(kind.header, claims, hmac), 'HMAC under the right name');
    refuse(forge({ ...kind.header, alg: 'ES256' }, claims, issuer.sign), 'ES256');
    refuse(forge({ ...kind.header, alg: ['EdDSA'] }, claims, issuer.sign), 'a list');
  });

  it('is refused with more or less in its header than it should have', () => {
    const { typ: _, ...untyped } = kind.header;
    refuse(forge(untyped, claims, issuer.sign), 'no typ');
    refuse(forge({ ...kind.header, typ: 'JWT' }, claims, issuer.sign), 'typ JWT');
    refuse(forge({ ...kind.header, crit: ['b64'], b64: false }, claims, issuer.sign), 'crit');
    refuse(forge({ ...kind.header, kid: 'x' }, claims, issuer.sign), 'kid');
    refuse(forge({ ...kind.header, jku: 'https://example.org/keys' }, claims, issuer.sign), 'jku');
  });

  it('is refused when a key stands twice in it, though it is properly signed', () => {
    const text = JSON.stringify(claims);
    refuse(forge(kind.header, text.replace('{', '{"iat":1,'), issuer.sign), 'claims');
    refuse(forge(kind.header, text.replace('{', '{"i\\u0061t":1,'), issuer.sign), 'claims, escaped');
    refuse(forge(JSON.stringify(kind.header).replace('{', '{"alg":"none",'), claims, issuer.sign), 'header');
  });

  it('is refused when its claims are not the ones expected, though it is properly signed', () => {
    for (const name of Object.keys(claims)) {
      const { [name]: _, ...rest } = claims;
      refuse(forge(kind.header, rest, issuer.sign), `without ${name}`);
      refuse(forge(kind.header, { ...claims, [name]: { a: [] } }, issuer.sign), `with a wrong ${name}`);
    }
    for (const iat of [-1, 1e300, '5', null]) refuse(forge(kind.header, { ...claims, iat }, issuer.sign), `iat ${iat}`);
  });

  it('is refused when it is huge or deeply nested', () => {
    refuse(`${token}${'A'.repeat(100_000)}`, 'long');
    refuse('.'.repeat(100_000), 'dots');
    refuse(forge(kind.header, { ...claims, more: 'x'.repeat(20_000) }, issuer.sign), 'large claims');
    refuse(forge(kind.header, `${'['.repeat(5000)}${']'.repeat(5000)}`, issuer.sign), 'nested lists');
    refuse(forge(kind.header, `${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}`, issuer.sign), 'nested objects');
    refuse(forge({ ...kind.header, jwk: 'x'.repeat(9000) }, claims, issuer.sign), 'large header');
  });

  it('is refused when it is any other text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => refuse(text, text)));
    fc.assert(
      fc.property(fc.json(), fc.json(), (header, body) =>
        refuse(forge(header, body, issuer.sign), `${header} ${body}`),
      ),
    );
    for (const text of ['', '.', '..', '...', 'e30.e30.', '__proto__', `${token}.`, `.${token}`]) refuse(text, text);
  });
});

describe('documents of the wrong kind', () => {
  it('are no join tokens, and a join token is none of them', () => {
    for (const kind of kinds) expect(codeOf(() => parseJoinToken(kind.issue(issuer)))).toBe('join_token_invalid');
    expect(codeOf(() => readLease('pljoin_e30', issuer.publicKey))).toBe('credential_invalid');
  });
});
