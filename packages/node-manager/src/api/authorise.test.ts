import {
  createProof,
  createReplayGuard,
  generateKeyPair,
  issueSliceCredential,
  type SliceCredential,
} from '@planetlab/credentials';
import { AuthorityName, HOUR_MS, isPlanetLabError, MINUTE_MS } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { AUTHORITY, credentialOf, NOW_MS, slice } from '../testing/fixtures.ts';
import { createAuthoriser, requireSlice } from './authorise.ts';

const authorityKey = generateKeyPair();
const holder = generateKeyPair();
const trusted = [{ name: AUTHORITY, key: authorityKey.publicKey }];
const authoriser = () => createAuthoriser({ trusted, guard: createReplayGuard(), now: () => NOW_MS });

function signed(
  over: { credential?: SliceCredential; key?: typeof holder; atMs?: number; signer?: typeof holder } = {},
) {
  const token = issueSliceCredential(over.signer ?? authorityKey, over.credential ?? credentialOf(holder));
  const what = { method: 'POST', path: '/v1/leases', token };
  const proof = createProof(over.key ?? holder, what, over.atMs ?? NOW_MS);
  return { method: 'POST', path: '/v1/leases', authorization: `DPoP ${token}`, proof };
}
const codeOf = (act: () => unknown) => {
  try {
    act();
    return 'none';
  } catch (error) {
    return isPlanetLabError(error) ? error.code : String(error);
  }
};

describe('who may do what', () => {
  it('accepts a credential with a fresh proof, once', () => {
    const authorise = authoriser();
    const request = signed();
    expect(authorise(request, 'lease')).toMatchObject({ slice: '*', principal: 'broker:planetlab' });
    expect(codeOf(() => authorise(request, 'lease'))).toBe('proof_replayed');
  });

  it('refuses a credential from its end on, also one that it has accepted before', () => {
    let nowMs = NOW_MS;
    const authorise = createAuthoriser({ trusted, guard: createReplayGuard(), now: () => nowMs });
    const credential = credentialOf(holder);
    const token = issueSliceCredential(authorityKey, credential);
    const ask = () => {
      const what = { method: 'GET', path: '/v1/leases', token };
      const proof = createProof(holder, what, nowMs);
      return authorise({ ...what, authorization: `DPoP ${token}`, proof }, 'lease');
    };
    expect([ask(), ask()]).toMatchObject([{ holder: credential.holder }, { holder: credential.holder }]);
    nowMs = credential.expiresAtMs;
    expect(codeOf(ask)).toBe('credential_expired');
  });

  it.each([
    ['nothing at all', 'credential_missing', { ...signed(), authorization: undefined }],
    ['no proof', 'credential_missing', { ...signed(), proof: undefined }],
    ['a bearer token', 'credential_missing', { ...signed(), authorization: 'Bearer abc' }],
    ['what is no credential', 'credential_invalid', { ...signed(), authorization: 'DPoP abc' }],
    ['a signature of somebody else', 'credential_invalid', signed({ signer: generateKeyPair() })],
    [
      'a foreign authority',
      'credential_foreign',
      signed({ credential: { ...credentialOf(holder), authority: AuthorityName.parse('elsewhere') } }),
    ],
    [
      'an expired credential',
      'credential_expired',
      signed({ credential: { ...credentialOf(holder), expiresAtMs: NOW_MS - 1000, issuedAtMs: NOW_MS - HOUR_MS } }),
    ],
    ['a proof with another key', 'proof_invalid', signed({ key: generateKeyPair() })],
    ['a proof for another path', 'proof_invalid', { ...signed(), path: '/v1/leases/x' }],
    ['a clock that is 10 minutes ahead', 'clock_skew', signed({ atMs: NOW_MS + 10 * MINUTE_MS })],
    ['a clock that is 10 minutes behind', 'clock_skew', signed({ atMs: NOW_MS - 10 * MINUTE_MS })],
    [
      'a right that is not given',
      'credential_insufficient',
      signed({ credential: credentialOf(holder, '*', ['read']) }),
    ],
  ])('refuses %s: %s', (_what, code, request) => {
    expect(codeOf(() => authoriser()(request, 'lease'))).toBe(code);
  });

  it('holds a credential to its slice; * is every slice', () => {
    const own = slice('princeton_codeen');
    expect(codeOf(() => requireSlice(credentialOf(holder, own), own))).toBe('none');
    expect(codeOf(() => requireSlice(credentialOf(holder), own))).toBe('none');
    expect(codeOf(() => requireSlice(credentialOf(holder, own), slice('princeton_other')))).toBe(
      'credential_insufficient',
    );
  });
});
