import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuthorityInfo } from '@planetlab/contract';
import {
  type AuthorityIdentity,
  createAuthorityIdentity,
  generateKeyPair,
  importKeyPair,
  type KeyPair,
  loadAuthorityIdentity,
} from '@planetlab/credentials';
import { AuthorityName, PlanetLabError } from '@planetlab/model';
import { PLC_VERSION } from '../version.ts';
import { readIfThere, writeSecretFile } from './state-files.ts';

/** The authority as this program holds it: its root, and keys for the two parts that ask nodes for something. */
export interface Authority {
  readonly identity: AuthorityIdentity;
  /** The default broker's own: leases are bound to it, so it must outlive the process. */
  readonly brokerKey: KeyPair;
  /** Under it people's exec requests are passed on. New with each start: nothing is bound to it for longer. */
  readonly proxyKey: KeyPair;
  info(now: Date): AuthorityInfo;
}

export interface AuthorityFiles {
  /** Folder of the keys: the state folder, or one that all processes of the authority have, such as a mounted secret. */
  readonly folder: string;
  /** Whether keys that are not there may be made. Not when the database belongs to an authority already. */
  readonly mayMake: boolean;
  /** Name of one that is made. */
  readonly defaultName: string;
}

/** The files that make an authority. Whoever has them is the authority. */
export const AUTHORITY_FILES = ['authority.key', 'authority.pem', 'broker.key', 'authority.name'] as const;

/**
 * Reads the authority of a folder, or makes one. Several PLC processes over one database need the same files.
 * The name is fixed when it is made. Throws `malformed_name`, `malformed_key`, `credential_invalid`, `conflict`.
 */
export async function loadAuthority(files: AuthorityFiles, nowMs: number): Promise<Authority> {
  const { folder, mayMake, defaultName } = files;
  const found = loadIdentity(folder);
  if (!mayMake) requireFiles(folder);
  const identity = found ?? (await makeIdentity(folder, defaultName, nowMs));
  return {
    identity,
    brokerKey: loadKey(join(folder, 'broker.key')),
    proxyKey: generateKeyPair(),
    info: (now) => ({
      name: identity.name,
      version: PLC_VERSION,
      caPem: identity.certificatePem,
      fingerprint: identity.fingerprint,
      clock: now.toISOString(),
      publicKey: identity.key.publicKey.jwk,
    }),
  };
}

function requireFiles(folder: string): void {
  const missing = AUTHORITY_FILES.filter((name) => !existsSync(join(folder, name)));
  if (missing.length === 0) return;
  throw new PlanetLabError(
    'conflict',
    `The database belongs to an authority already, and ${folder} has not all of its keys: ${missing.join(', ')} missing. Copy ${AUTHORITY_FILES.join(', ')} from another of its processes, or restore them from a backup.`,
  );
}

const NAME_FILE = 'authority.name';
const KEY_FILE = 'authority.key';
const CERTIFICATE_FILE = 'authority.pem';

function loadIdentity(state: string): AuthorityIdentity | undefined {
  // The name is written last: where it is, the others are.
  const name = readIfThere(join(state, NAME_FILE));
  if (name === undefined) return undefined;
  return loadAuthorityIdentity({
    name: parseAuthorityName(name.trim()),
    keyPem: readFileSync(join(state, KEY_FILE), 'utf8'),
    certificatePem: readFileSync(join(state, CERTIFICATE_FILE), 'utf8'),
  });
}

async function makeIdentity(state: string, name: string, nowMs: number): Promise<AuthorityIdentity> {
  const identity = await createAuthorityIdentity(parseAuthorityName(name), nowMs);
  writeSecretFile(join(state, KEY_FILE), identity.key.exportPem());
  writeSecretFile(join(state, CERTIFICATE_FILE), identity.certificatePem);
  writeSecretFile(join(state, NAME_FILE), `${identity.name}\n`);
  return identity;
}

/** Throws `malformed_name`. */
export function parseAuthorityName(text: string): AuthorityName {
  const name = AuthorityName.safeParse(text);
  if (name.success) return name.data;
  throw new PlanetLabError(
    'malformed_name',
    `${JSON.stringify(text)} is not a valid name of an authority: lower-case letters, digits, dots and hyphens, such as "planetlab".`,
  );
}

function loadKey(file: string): KeyPair {
  const stored = readIfThere(file);
  if (stored !== undefined) return importKeyPair(stored);
  const key = generateKeyPair();
  writeSecretFile(file, key.exportPem());
  return key;
}
