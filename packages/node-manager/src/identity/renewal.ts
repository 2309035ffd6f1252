import { X509Certificate } from 'node:crypto';
import { createNodeRequest, readNodeCertificate } from '@planetlab/credentials';
import { PlanetLabError } from '@planetlab/model';
import { writeFileAtomic } from '../files.ts';
import type { NodeIdentity } from './identity.ts';

/** The node's certificate, which its authority renews over the uplink before it ends. The key stays, and stays here. */
export interface CertificateRenewal {
  /** The one to use from now on, in PEM. */
  current(): string;
  /** What the authority certifies (PKCS#10, PEM). */
  request(): Promise<string>;
  /** Takes a new certificate and keeps it. Throws `credential_invalid` unless it is better than the one there is. */
  install(certificatePem: string): void;
}

export function createRenewal(
  identity: Pick<NodeIdentity, 'id' | 'name' | 'key' | 'certificatePem' | 'caPem'>,
  file: string,
): CertificateRenewal {
  let current = identity.certificatePem;
  return {
    current: () => current,
    request: () => createNodeRequest(identity.key, identity.name),
    install(certificatePem) {
      checkRenewed(identity, current, certificatePem);
      writeFileAtomic(file, certificatePem);
      current = certificatePem;
    },
  };
}

/** Signed by the authority that this node joined, for the same node and key, and good for longer. */
function checkRenewed(
  { id, name, key, caPem }: Pick<NodeIdentity, 'id' | 'name' | 'key' | 'caPem'>,
  currentPem: string,
  pem: string,
): void {
  const refuse = (why: string) => new PlanetLabError('credential_invalid', `The new certificate is not taken: ${why}.`);
  const certificate = parse(pem);
  if (certificate === undefined) throw refuse('it is no certificate in PEM form');
  if (!certificate.verify(new X509Certificate(caPem).publicKey))
    throw refuse('it is not from the authority that this node joined');
  const renewed = readNodeCertificate(certificate.raw);
  if (renewed.nodeId !== id || renewed.nodeName !== name) throw refuse(`it is for another node, "${renewed.nodeName}"`);
  if (renewed.key.thumbprint !== key.publicKey.thumbprint) throw refuse('it is for another key');
  const before = readNodeCertificate(new X509Certificate(currentPem).raw);
  if (renewed.expiresAtMs <= before.expiresAtMs) throw refuse('it ends no later than the one there is');
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined; // whatever it is
  }
}
