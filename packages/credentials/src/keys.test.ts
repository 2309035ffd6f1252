import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateKeyPair, importKeyPair, parsePublicKey } from './index.ts';
import { verifySignature } from './keys.ts';
import { codeOf } from './testing.ts';

describe('keys', () => {
  it('have the thumbprint that RFC 8037 gives for its example key', () => {
    const key = parsePublicKey({ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' });
    expect(key.thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  });

  it('survive export and import', () => {
    const key = generateKeyPair();
    const again = importKeyPair(key.exportPem());
    expect(again.publicKey).toEqual(key.publicKey);
    const data = Buffer.from('hello');
    expect(verifySignature(key.publicKey, data, again.sign(data))).toBe(true);
    expect(verifySignature(generateKeyPair().publicKey, data, again.sign(data))).toBe(false);
  });

  it('keep only the public members of a JWK', () => {
    const { jwk } = generateKeyPair().publicKey;
    expect(parsePublicKey({ ...jwk, kid: 'x', alg: 'EdDSA' }).jwk).toEqual(jwk);
  });

  it('are refused when they are of another kind, malformed, or private', () => {
    const { jwk } = generateKeyPair().publicKey;
    const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const wrong: unknown[] = [
      undefined,
      null,
      'text',
      [],
      {},
      p256.publicKey.export({ format: 'jwk' }),
      { ...jwk, crv: 'X25519' },
      { ...jwk, x: `${jwk.x}=` },
      { ...jwk, x: jwk.x.slice(1) },
      { ...jwk, x: ` ${jwk.x}` },
      { ...jwk, d: jwk.x },
    ];
    for (const value of wrong)
      expect(
        codeOf(() => parsePublicKey(value)),
        JSON.stringify(value),
      ).toBe('malformed_key');
    const p256Pem = p256.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    for (const pem of ['', 'nonsense', p256Pem]) expect(codeOf(() => importKeyPair(pem))).toBe('malformed_key');
  });
});
