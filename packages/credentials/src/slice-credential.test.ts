import { AuthorityName } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKeyPair, issueSliceCredential, RIGHTS, verifySliceCredential } from './index.ts';
import { codeOf, HOUR_MS, NOW_MS, sliceCredential } from './testing.ts';

const authority = generateKeyPair();
const holder = generateKeyPair();
const name = AuthorityName.parse('planetlab');
const trusted = [{ name, key: authority.publicKey }];

describe('a slice credential', () => {
  it('says again what its authority said', () => {
    fc.assert(
      fc.property(
        fc.subarray([...RIGHTS]),
        fc.boolean(),
        fc.integer({ min: 1, max: 100 * 365 * 24 * HOUR_MS }),
        (rights, everySlice, lifeMs) => {
          const expiresAtMs = NOW_MS + lifeMs;
          const said = sliceCredential(holder, { rights, expiresAtMs, ...(everySlice ? { slice: '*' } : {}) });
          expect(verifySliceCredential(issueSliceCredential(authority, said), trusted, NOW_MS)).toEqual(said);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('expires at its millisecond', () => {
    const token = issueSliceCredential(authority, sliceCredential(holder));
    const at = (nowMs: number) => codeOf(() => verifySliceCredential(token, trusted, nowMs));
    expect(at(NOW_MS + HOUR_MS - 1)).toBe('no error');
    expect(at(NOW_MS + HOUR_MS)).toBe('credential_expired');
  });

  it('is foreign where its authority is not trusted, and the sentence names it', () => {
    const token = issueSliceCredential(authority, sliceCredential(holder));
    const elsewhere = [{ name: AuthorityName.parse('elsewhere'), key: authority.publicKey }];
    expect(codeOf(() => verifySliceCredential(token, [], NOW_MS))).toBe('credential_foreign');
    expect(codeOf(() => verifySliceCredential(token, elsewhere, NOW_MS))).toBe('credential_foreign');
    expect(() => verifySliceCredential(token, elsewhere, NOW_MS)).toThrow('"planetlab"');
  });

  it('is invalid when another key signs in a trusted name', () => {
    const token = issueSliceCredential(generateKeyPair(), sliceCredential(holder));
    expect(codeOf(() => verifySliceCredential(token, trusted, NOW_MS))).toBe('credential_invalid');
  });

  it('verifies with either key while an authority changes its key', () => {
    const next = generateKeyPair();
    const both = [...trusted, { name, key: next.publicKey }];
    for (const key of [authority, next]) {
      const token = issueSliceCredential(key, sliceCredential(holder));
      expect(verifySliceCredential(token, both, NOW_MS).slice).toBe('princeton_codeen');
    }
  });
});
