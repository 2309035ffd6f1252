import { Resources } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateKeyPair, issueLease, readLease, verifyLease } from './index.ts';
import { codeOf, HOUR_MS, lease, NOW_MS } from './testing.ts';

const node = generateKeyPair();
const holder = generateKeyPair();

describe('a lease', () => {
  it('says again what its node said', () => {
    const amount = fc.integer({ min: 16, max: 1000 });
    fc.assert(
      fc.property(amount, amount, fc.integer({ min: 1, max: 365 * 24 * HOUR_MS }), (cpuShares, memoryMiB, lifeMs) => {
        const resources = Resources.parse({ cpuShares, memoryMiB });
        const stopped = cpuShares % 2 === 0 ? {} : { stopped: `because of ${memoryMiB}` };
        const said = lease(holder, { resources, expiresAtMs: NOW_MS + lifeMs, ...stopped });
        expect(verifyLease(issueLease(node, said), node.publicKey, NOW_MS)).toEqual(said);
      }),
      { numRuns: 50 },
    );
  });

  it('ends at its millisecond, and can still be read for recovery after that', () => {
    const token = issueLease(node, lease(holder));
    const at = (nowMs: number) => codeOf(() => verifyLease(token, node.publicKey, nowMs));
    expect(at(NOW_MS + HOUR_MS - 1)).toBe('no error');
    expect(at(NOW_MS + HOUR_MS)).toBe('lease_expired');
    expect(readLease(token, node.publicKey)).toEqual(lease(holder));
  });

  it('of another node is not valid here, neither for use nor for recovery', () => {
    const token = issueLease(generateKeyPair(), lease(holder));
    expect(codeOf(() => verifyLease(token, node.publicKey, NOW_MS))).toBe('credential_invalid');
    expect(codeOf(() => readLease(token, node.publicKey))).toBe('credential_invalid');
  });
});
