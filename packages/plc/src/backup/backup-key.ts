import {
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scryptSync,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';

/** What a backup is sealed with: a passphrase, or the public half of an X25519 key whose private half is kept elsewhere. */
export type SealWith = { readonly passphrase: string } | { readonly recipient: KeyObject };
/** What it is opened with. */
export type OpenWith = { readonly passphrase: string } | { readonly privateKey: KeyObject };

const SHORTEST_PASSPHRASE = 12;
const KEY_BYTES = 32;
const SALT_BYTES = 32;
/** 128 MiB and some tenths of a second for each guess. */
const SCRYPT = { cost: 2 ** 17, blockSize: 8, parallelization: 1 } as const;
const SCRYPT_MEMORY_BYTES = 256 * SCRYPT.cost * SCRYPT.blockSize;

/** The first line of a backup, in clear: how its key is found. All of it goes into that key, so none of it can be changed. */
const Header = z.strictObject({
  format: z.literal('planetlab-backup/1'),
  salt: z.base64(),
  /** Public half of a key made for this backup alone, DER; absent with a passphrase. */
  ephemeral: z.base64().optional(),
});

export interface SealedKey {
  /** Without its line break. */
  readonly header: string;
  readonly key: Buffer;
}

export function newBackupKey(sealWith: SealWith): SealedKey {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  if ('passphrase' in sealWith) {
    const header = JSON.stringify({ format: 'planetlab-backup/1', salt });
    return { header, key: derive(stretch(sealWith.passphrase, salt), header) };
  }
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  const ephemeral = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  const header = JSON.stringify({ format: 'planetlab-backup/1', salt, ephemeral });
  return { header, key: derive(diffieHellman({ privateKey, publicKey: sealWith.recipient }), header) };
}

/** Throws `malformed_request`. */
export function backupKeyOf(header: string, openWith: OpenWith): Buffer {
  const { salt, ephemeral } = parseHeader(header);
  if ('passphrase' in openWith) {
    if (ephemeral !== undefined)
      throw malformed('It was made for a recipient’s key. Give the private one with --key-file.');
    return derive(stretch(openWith.passphrase, salt), header);
  }
  if (ephemeral === undefined) throw malformed('It was made with a passphrase. Give it with --passphrase-file.');
  try {
    const publicKey = createPublicKey({ key: Buffer.from(ephemeral, 'base64'), format: 'der', type: 'spki' });
    return derive(diffieHellman({ privateKey: openWith.privateKey, publicKey }), header);
  } catch (cause) {
    throw malformed('Its first line is damaged.', cause);
  }
}

function parseHeader(header: string): z.infer<typeof Header> {
  try {
    return Header.parse(JSON.parse(header));
  } catch (cause) {
    throw malformed('This is not a backup of a PLC, or one of a newer version.', cause);
  }
}

const malformed = (sentence: string, cause?: unknown) => new PlanetLabError('malformed_request', sentence, { cause });

const stretch = (passphrase: string, salt: string): Buffer =>
  scryptSync(passphrase.normalize('NFC'), Buffer.from(salt, 'base64'), KEY_BYTES, {
    ...SCRYPT,
    maxmem: SCRYPT_MEMORY_BYTES,
  });

const derive = (secret: Buffer, header: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, createHash('sha256').update(header).digest(), 'planetlab-backup', KEY_BYTES));

/** The first line of a file. Throws `malformed_request` when it is too short to withstand guessing. */
export function readPassphrase(file: string): { readonly passphrase: string } {
  const passphrase = (readFileSync(file, 'utf8').split('\n')[0] ?? '').trim();
  if (passphrase.length >= SHORTEST_PASSPHRASE) return { passphrase };
  throw malformed(
    `The first line of ${file} is shorter than ${SHORTEST_PASSPHRASE} characters. Make a passphrase with: openssl rand -base64 24`,
  );
}

/** A public X25519 key in PEM. Throws `malformed_key`. */
export const readRecipient = (file: string): { readonly recipient: KeyObject } => ({
  recipient: readKey(file, createPublicKey),
});

/** The private one. Throws `malformed_key`. */
export const readPrivateKey = (file: string): { readonly privateKey: KeyObject } => ({
  privateKey: readKey(file, createPrivateKey),
});

function readKey(file: string, parse: (pem: string) => KeyObject): KeyObject {
  const pem = readFileSync(file, 'utf8');
  try {
    const key = parse(pem);
    if (key.asymmetricKeyType === 'x25519') return key;
  } catch {
    // said below
  }
  throw new PlanetLabError(
    'malformed_key',
    `${file} is not an X25519 key in PEM form. Make one with: openssl genpkey -algorithm X25519 -out backup.key; openssl pkey -in backup.key -pubout -out backup.pub`,
  );
}
