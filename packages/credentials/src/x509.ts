import type { KeyObject, webcrypto } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { DAY_MS, MINUTE_MS } from '@planetlab/model';
import type { KeyPair } from './keys.ts';

export const ED25519 = 'Ed25519';
/** Certificates begin a little in the past, because the clock of whoever reads them may be behind. */
export const BACKDATE_MS = 5 * MINUTE_MS;
export const YEAR_MS = 365 * DAY_MS;

/**
 * The certificate library. Loaded only where certificates are made: that takes longer than a whole command of the CLI,
 * and reading them needs nothing but node:crypto. It refuses to load without reflect-metadata before it.
 */
export async function loadX509() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

export type X509 = Awaited<ReturnType<typeof loadX509>>;

/** A key pair as Web Crypto, and so the certificate library, wants it. */
export function webKeys(key: KeyPair): webcrypto.CryptoKeyPair {
  return {
    privateKey: key.privateKeyObject.toCryptoKey(ED25519, false, ['sign']),
    publicKey: webPublicKey(createPublicKey(key.privateKeyObject)),
  };
}

export const webPublicKey = (key: KeyObject): webcrypto.CryptoKey => key.toCryptoKey(ED25519, true, ['verify']);

/** A subject with this one name, in a form that needs no quoting. */
export const commonName = (name: string): { CN: string[] }[] => [{ CN: [name] }];
