import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  generateKeyPair,
  type KeyPair,
  type Lease,
  RIGHTS,
  type Right,
  readLease,
  type SliceCredential,
} from '@planetlab/credentials';
import {
  AuthorityName,
  DEFAULT_RESOURCES,
  HOUR_MS,
  ImageName,
  LeaseId,
  NodeId,
  NodeName,
  Principal,
  SliceName,
} from '@planetlab/model';
import { openStore } from '../store/store.ts';

/** What tests of this package share. */

export const NOW_MS = Date.parse('2026-03-01T12:00:00.000Z');
export const AUTHORITY = AuthorityName.parse('planetlab');
export const IMAGE = ImageName.parse('debian-12');
export const NODE = { id: NodeId.parse('0c0ffee0-1111-4222-8333-444455556666'), name: NodeName.parse('princeton') };

export const slice = (text: string) => SliceName.parse(text);
export const newId = () => LeaseId.parse(crypto.randomUUID());

export const credentialOf = (
  holder: KeyPair,
  of: SliceName | '*' = '*',
  rights: readonly Right[] = RIGHTS,
): SliceCredential => ({
  authority: AUTHORITY,
  principal: Principal.parse('broker:planetlab'),
  holder: holder.publicKey.thumbprint,
  slice: of,
  rights,
  issuedAtMs: NOW_MS - HOUR_MS,
  expiresAtMs: NOW_MS + HOUR_MS,
});

export const leaseOf = (name: string, over: Partial<Lease> = {}): Lease => ({
  id: newId(),
  node: NODE.id,
  nodeName: NODE.name,
  slice: slice(name),
  holder: generateKeyPair().publicKey.thumbprint,
  principal: Principal.parse('broker:planetlab'),
  authority: AUTHORITY,
  resources: DEFAULT_RESOURCES,
  image: IMAGE,
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + HOUR_MS,
  ...over,
});

/** A folder that is removed with the test. */
export function temporaryFolder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'planetlab-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

export const storeIn = (folder: string, nodeKey: KeyPair) =>
  openStore(join(folder, 'node.db'), (token) => readLease(token, nodeKey.publicKey));
