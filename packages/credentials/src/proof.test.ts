import { describe, expect, it } from 'vitest';
import { createProof, createReplayGuard, generateKeyPair, PROOF_SKEW_MS, verifyProof } from './index.ts';
import { codeOf, forge, NOW_MS } from './testing.ts';

const key = generateKeyPair();
const request = { method: 'POST', path: '/v1/slivers/princeton_codeen/exec?wait=1', token: 'header.claims.signature' };

describe('a proof of possession', () => {
  it('gives the key of whoever made it', () => {
    const proof = createProof(key, request, NOW_MS);
    expect(verifyProof(proof, request, NOW_MS, createReplayGuard())).toEqual(key.publicKey);
  });

  it('is for one method, one path with its query, and one credential', () => {
    const proof = createProof(key, request, NOW_MS);
    const others = [
      { ...request, method: 'GET' },
      { ...request, path: '/v1/slivers/princeton_codeen/exec' },
      { ...request, path: `${request.path}0` },
      { ...request, token: 'another' },
    ];
    for (const other of others) {
      expect(codeOf(() => verifyProof(proof, other, NOW_MS, createReplayGuard()))).toBe('proof_invalid');
    }
  });

  it('works once', () => {
    const guard = createReplayGuard();
    const proof = createProof(key, request, NOW_MS);
    verifyProof(proof, request, NOW_MS, guard);
    expect(codeOf(() => verifyProof(proof, request, NOW_MS + 1, guard))).toBe('proof_replayed');
    expect(codeOf(() => verifyProof(createProof(key, request, NOW_MS), request, NOW_MS, guard))).toBe('no error');
  });

  it('works once even when its signer’s clock is as far ahead as it may be', () => {
    const guard = createReplayGuard();
    const proof = createProof(key, request, NOW_MS + PROOF_SKEW_MS);
    verifyProof(proof, request, NOW_MS, guard);
    for (let afterMs = 0; afterMs <= 10 * PROOF_SKEW_MS; afterMs += 10_000) {
      expect(codeOf(() => verifyProof(proof, request, NOW_MS + afterMs, guard))).toMatch(/proof_replayed|clock_skew/);
    }
  });

  it('is not used up by a refused request', () => {
    const guard = createReplayGuard();
    const proof = createProof(key, request, NOW_MS);
    codeOf(() => verifyProof(proof, { ...request, method: 'GET' }, NOW_MS, guard));
    codeOf(() => verifyProof(proof, request, NOW_MS + 10 * PROOF_SKEW_MS, guard));
    expect(codeOf(() => verifyProof(proof, request, NOW_MS, guard))).toBe('no error');
  });

  it('of one key does not use up the ids of another', () => {
    const guard = createReplayGuard();
    const other = generateKeyPair();
    const sameId = (signer: typeof key) => {
      const claims = JSON.parse(
        Buffer.from(createProof(signer, request, NOW_MS).split('.')[1] ?? '', 'base64url').toString(),
      );
      const header = { alg: 'EdDSA', typ: 'dpop+jwt', jwk: signer.publicKey.jwk };
      return forge(header, { ...claims, jti: 'the-same-id' }, signer.sign);
    };
    verifyProof(sameId(key), request, NOW_MS, guard);
    expect(codeOf(() => verifyProof(sameId(other), request, NOW_MS, guard))).toBe('no error');
    expect(codeOf(() => verifyProof(sameId(key), request, NOW_MS, guard))).toBe('proof_replayed');
  });

  it('with a clock that is off by more than a minute says which side is ahead, by how much, and what to do', () => {
    const at = (nowMs: number) => verifyProof(createProof(key, request, NOW_MS), request, nowMs, createReplayGuard());
    expect(codeOf(() => at(NOW_MS + PROOF_SKEW_MS))).toBe('no error');
    expect(codeOf(() => at(NOW_MS - PROOF_SKEW_MS))).toBe('no error');
    expect(codeOf(() => at(NOW_MS + PROOF_SKEW_MS + 1))).toBe('clock_skew');
    expect(codeOf(() => at(NOW_MS - PROOF_SKEW_MS - 1))).toBe('clock_skew');
    expect(() => at(NOW_MS - 10 * PROOF_SKEW_MS)).toThrow(/clock is 10 min ahead of .*time synchronisation/);
    expect(() => at(NOW_MS + 10 * PROOF_SKEW_MS)).toThrow(/clock is 10 min behind .*time synchronisation/);
  });

  it('is refused when its key is not the one that signed, or is malformed, or carries its private half', () => {
    const claims = { htm: 'POST', htu: request.path, ath: '', jti: '12345678', iat: NOW_MS / 1000 };
    const withKey = (jwk: unknown) => forge({ alg: 'EdDSA', typ: 'dpop+jwt', jwk }, claims, key.sign);
    for (const jwk of [generateKeyPair().publicKey.jwk, null, {}, 'x', { ...key.publicKey.jwk, d: 'x' }]) {
      expect(codeOf(() => verifyProof(withKey(jwk), request, NOW_MS, createReplayGuard()))).toBe('proof_invalid');
    }
  });
});

describe('a replay guard', () => {
  it('forgets an id when its window is over', () => {
    const guard = createReplayGuard({ windowMs: 1000 });
    expect([guard.remember('a', 0), guard.remember('a', 999), guard.remember('a', 1000)]).toEqual([true, false, true]);
  });

  it('refuses new ids when it is full rather than forgetting old ones, and has room again later', () => {
    const guard = createReplayGuard({ windowMs: 1000, capacity: 2 });
    guard.remember('a', 0);
    guard.remember('b', 500);
    expect(codeOf(() => guard.remember('c', 999))).toBe('too_many_requests');
    expect(guard.remember('a', 999)).toBe(false);
    expect(guard.remember('c', 1000)).toBe(true);
  });

  it('still knows an id after the clock stepped back', () => {
    const guard = createReplayGuard({ windowMs: 1000 });
    guard.remember('a', 10_000);
    guard.remember('b', 5000);
    expect([guard.remember('a', 5000), guard.remember('b', 5500)]).toEqual([false, false]);
  });
});
