import {
  AuthorityName,
  ImageName,
  isPlanetLabError,
  LeaseId,
  NodeId,
  NodeName,
  Principal,
  Resources,
  SliceName,
} from '@planetlab/model';
import type { KeyPair, Lease, SliceCredential } from './index.ts';

/** Values for this package's own tests. */
export const NOW_MS = Date.UTC(2026, 0, 15, 12, 0, 0, 123);
export const HOUR_MS = 3_600_000;

export const sliceCredential = (holder: KeyPair, change: Partial<SliceCredential> = {}): SliceCredential => ({
  authority: AuthorityName.parse('planetlab'),
  principal: Principal.parse('person:ada@example.org'),
  holder: holder.publicKey.thumbprint,
  slice: SliceName.parse('princeton_codeen'),
  rights: ['read', 'lease'],
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + HOUR_MS,
  ...change,
});

export const lease = (holder: KeyPair, change: Partial<Lease> = {}): Lease => ({
  id: LeaseId.parse('5b7c5c1e-8f0a-4a51-9d5e-0d0a3b1f6a01'),
  node: NodeId.parse('0e8d2f5c-36a5-4c42-8f5e-2f4a8c1b7d02'),
  nodeName: NodeName.parse('planetlab1.princeton'),
  slice: SliceName.parse('princeton_codeen'),
  holder: holder.publicKey.thumbprint,
  principal: Principal.parse('broker:planetlab'),
  authority: AuthorityName.parse('planetlab'),
  resources: Resources.parse({ memoryMiB: 128 }),
  image: ImageName.parse('debian-12'),
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + HOUR_MS,
  ...change,
});

/** The code of the PlanetLabError that `action` throws; anything else it throws goes on. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isPlanetLabError(error)) return error.code;
    throw error;
  }
  return 'no error';
}

/** A document in compact form with any header and claims, signed properly by `key` or by whatever `sign` does. */
export function forge(header: unknown, claims: unknown, sign: (data: Uint8Array) => Uint8Array): string {
  const part = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
  const signed = `${part(header)}.${part(claims)}`;
  return `${signed}.${Buffer.from(sign(Buffer.from(signed))).toString('base64url')}`;
}
