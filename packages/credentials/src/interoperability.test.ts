import { compactVerify, importJWK, importPKCS8, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createProof,
  createReplayGuard,
  generateKeyPair,
  issueLease,
  issueSliceCredential,
  verifyProof,
} from './index.ts';
import { hashToken } from './proof.ts';
import { lease, NOW_MS, sliceCredential } from './testing.ts';

/** Our documents read, and a client's proof made, by an implementation of the standards that is not ours. */
const key = generateKeyPair();
const publicKey = await importJWK({ ...key.publicKey.jwk }, 'EdDSA');
const request = { method: 'GET', path: '/v1/slivers', token: 'a.b.c' };

describe('another implementation', () => {
  it('reads a slice credential and a lease as JWTs of their own type', async () => {
    const credential = await jwtVerify(issueSliceCredential(key, sliceCredential(key)), publicKey, {
      algorithms: ['EdDSA'],
      typ: 'planetlab-slice-credential+jwt',
      issuer: 'planetlab',
      currentDate: new Date(NOW_MS),
    });
    expect(credential.payload['cnf']).toEqual({ jkt: key.publicKey.thumbprint });
    const { payload } = await jwtVerify(issueLease(key, lease(key)), publicKey, {
      typ: 'planetlab-lease+jwt',
      subject: 'broker:planetlab',
      currentDate: new Date(NOW_MS),
    });
    expect(payload['slice']).toBe('princeton_codeen');
  });

  it('reads a proof', async () => {
    const { protectedHeader } = await compactVerify(createProof(key, request, NOW_MS), publicKey);
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: key.publicKey.jwk });
  });

  it('makes a proof that we accept, with whole seconds and claims that we do not use', async () => {
    const proof = await new SignJWT({ htm: 'GET', htu: request.path, ath: hashToken(request.token), nonce: 'x' })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'dpop+jwt', jwk: { ...key.publicKey.jwk } })
      .setJti('0123456789')
      .setIssuedAt(Math.floor(NOW_MS / 1000))
      .sign(await importPKCS8(key.exportPem(), 'EdDSA'));
    expect(verifyProof(proof, request, NOW_MS, createReplayGuard())).toEqual(key.publicKey);
  });
});
