import { createPublicKey } from 'node:crypto';
import { AuthorityName, PlanetLabError } from '@planetlab/model';
import type { AuthorityIdentity } from './authority.ts';
import { parseCertificate } from './fingerprint.ts';
import { generateKeyPair } from './keys.ts';
import { issueLeaf } from './leaf-certificate.ts';
import { parseHosts, uriName } from './subject-names.ts';

const URI_PREFIX = 'planetlab:authority:';

/** What a program of ours needs for its side of a TLS connection. The key is a secret: files with mode 0600 only. */
export interface TlsIdentity {
  readonly keyPem: string;
  readonly certificatePem: string;
  /** The authority's certificate: the only root to trust on such connections. */
  readonly caPem: string;
}

/**
 * A new key and a certificate for one year for a server of the authority itself, under these DNS names and IP
 * addresses. Throws `malformed_name`.
 */
export async function issueServerCertificate(
  authority: AuthorityIdentity,
  options: { readonly names: readonly string[] },
  nowMs: number,
): Promise<TlsIdentity> {
  const key = generateKeyPair();
  const leaf = await issueLeaf(
    authority,
    {
      commonName: authority.name,
      uri: `${URI_PREFIX}${authority.name}`,
      hosts: parseHosts(options.names),
      publicKey: createPublicKey(key.privateKeyObject),
      ends: ['server'],
    },
    nowMs,
  );
  return { keyPem: key.exportPem(), certificatePem: leaf.certificatePem, caPem: authority.certificatePem };
}

/**
 * Whose server this certificate is of. To be asked by whoever connects to an authority, after TLS has checked chain and
 * host: nodes have certificates under the same root, and one of them could otherwise pass for the centre.
 * Throws `credential_invalid`.
 */
export function readServerCertificate(der: Uint8Array): { readonly authority: AuthorityName } {
  const name = AuthorityName.safeParse(uriName(parseCertificate(der), URI_PREFIX));
  if (name.success) return { authority: name.data };
  throw new PlanetLabError(
    'credential_invalid',
    'The certificate of the other side is not that of an authority’s server. Check the address it was reached at.',
  );
}
