import { createPublicKey } from 'node:crypto';
import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import type { AuthorityIdentity } from './authority.ts';
import { parseCertificate } from './fingerprint.ts';
import { generateKeyPair } from './keys.ts';
import { issueLeaf } from './leaf-certificate.ts';
import type { TlsIdentity } from './server-certificate.ts';
import { uriName } from './subject-names.ts';

const URI_PREFIX = 'planetlab:process:';
const ProcessId = z.uuid();

/**
 * A new key and a certificate with which one process of an authority dials another. It is good for the client's end of
 * TLS only, and never leaves the process: each issues its own at its start.
 */
export async function issueProcessCertificate(
  authority: AuthorityIdentity,
  processId: string,
  nowMs: number,
): Promise<TlsIdentity> {
  const key = generateKeyPair();
  const id = ProcessId.parse(processId);
  const leaf = await issueLeaf(
    authority,
    {
      commonName: authority.name,
      uri: `${URI_PREFIX}${id}`,
      // A DNS name that nobody has: without one, TLS would compare hosts with the common name.
      hosts: [{ type: 'dns', value: `${id}.process.planetlab.internal` }],
      publicKey: createPublicKey(key.privateKeyObject),
      ends: ['client'],
    },
    nowMs,
  );
  return { keyPem: key.exportPem(), certificatePem: leaf.certificatePem, caPem: authority.certificatePem };
}

/** Which process dials, from its certificate; TLS has checked the chain before. Throws `credential_invalid`. */
export function readProcessCertificate(der: Uint8Array): { readonly processId: string } {
  const id = ProcessId.safeParse(uriName(parseCertificate(der), URI_PREFIX));
  if (id.success) return { processId: id.data };
  throw new PlanetLabError('credential_invalid', 'This certificate is not that of a process of this authority.');
}
