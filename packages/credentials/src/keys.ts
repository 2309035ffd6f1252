import type { KeyObject } from 'node:crypto';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { PlanetLabError, Thumbprint } from '@planetlab/model';
import { z } from 'zod';
import { decodeBase64Url } from './base64url.ts';

const KEY_BYTES = 32;

const Jwk = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().refine((text) => decodeBase64Url(text)?.length === KEY_BYTES),
});

/** An Ed25519 public key. Made only by `parsePublicKey` and the key pairs, so its parts are known to be well formed. */
export interface PublicKey {
  /** The three members of RFC 8037 and nothing else. */
  readonly jwk: { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };
  /** RFC 7638: names the holder in credentials and leases. */
  readonly thumbprint: Thumbprint;
}

/** An Ed25519 key pair. The private half leaves it only through `exportPem` and `privateKeyObject`. */
export interface KeyPair {
  readonly publicKey: PublicKey;
  /** The 64 bytes of an Ed25519 signature. */
  sign(data: Uint8Array): Uint8Array;
  /** PKCS#8. A secret: for files with mode 0600 only. */
  exportPem(): string;
  /** For node's TLS and Web Crypto. */
  readonly privateKeyObject: KeyObject;
}

/**
 * Reads a public key at a boundary. Other members of a JWK (`kid`, `use`, ...) are dropped; one that carries a private
 * half is refused, because a secret that was sent is no secret. Throws `malformed_key`.
 */
export function parsePublicKey(jwk: unknown): PublicKey {
  const result = Jwk.safeParse(jwk);
  if (!result.success) {
    throw new PlanetLabError('malformed_key', 'This is not an Ed25519 public key: a JWK with kty "OKP" is needed.');
  }
  if (typeof jwk === 'object' && jwk !== null && 'd' in jwk) {
    throw new PlanetLabError(
      'malformed_key',
      'This JWK carries a private key. Make a new key and send its public half.',
    );
  }
  const { kty, crv, x } = result.data;
  // RFC 7638: the required members in lexical order, without white space.
  const thumbprint = createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url');
  return { jwk: { kty, crv, x }, thumbprint: Thumbprint.parse(thumbprint) };
}

export function generateKeyPair(): KeyPair {
  return keyPairOf(generateKeyPairSync('ed25519').privateKey);
}

/** Reads what `exportPem` wrote. Throws `malformed_key`. */
export function importKeyPair(pem: string): KeyPair {
  const malformed = (cause?: unknown) =>
    new PlanetLabError('malformed_key', 'This is not an Ed25519 private key in PKCS#8 PEM form.', { cause });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw malformed(error);
  }
  if (key.asymmetricKeyType !== 'ed25519') throw malformed();
  return keyPairOf(key);
}

/** Reads any public key object, for example a certificate's. Throws `malformed_key` when it is not Ed25519. */
export function publicKeyOf(key: KeyObject): PublicKey {
  return parsePublicKey(key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : undefined);
}

/** Never throws for a well-formed key: a wrong signature, of whatever length, is `false`. */
export function verifySignature(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  return verify(null, data, publicKeyObject(key), signature);
}

const KEY_OBJECTS_KEPT = 4096;
const keyObjects = new Map<string, KeyObject>();

/** Made once for each key: to make one takes as long as to verify with it. */
function publicKeyObject({ jwk }: PublicKey): KeyObject {
  const known = keyObjects.get(jwk.x);
  if (known !== undefined) return known;
  const made = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  if (keyObjects.size >= KEY_OBJECTS_KEPT) keyObjects.clear();
  keyObjects.set(jwk.x, made);
  return made;
}

function keyPairOf(privateKeyObject: KeyObject): KeyPair {
  return {
    publicKey: publicKeyOf(createPublicKey(privateKeyObject)),
    privateKeyObject,
    sign: (data) => sign(null, data, privateKeyObject),
    exportPem: () => privateKeyObject.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}
