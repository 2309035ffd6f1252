import type { KeyObject } from 'node:crypto';
import type { AuthorityIdentity } from './authority.ts';
import { BACKDATE_MS, commonName, ED25519, loadX509, webKeys, webPublicKey, YEAR_MS } from './x509.ts';

/** The ends of a TLS connection that a certificate may be used at. */
export type TlsEnd = 'client' | 'server';

export interface LeafOptions {
  readonly commonName: string;
  /** What the certificate is for, as `planetlab:...`: the name that our own programs go by. */
  readonly uri: string;
  readonly hosts: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
  readonly publicKey: KeyObject;
  readonly ends: readonly TlsEnd[];
}

/** A certificate for one year, signed by the authority's root. */
export async function issueLeaf(
  authority: AuthorityIdentity,
  options: LeafOptions,
  nowMs: number,
): Promise<{ certificatePem: string; expiresAtMs: number }> {
  const x509 = await loadX509();
  const usages = { client: x509.ExtendedKeyUsage.clientAuth, server: x509.ExtendedKeyUsage.serverAuth };
  const root = new x509.X509Certificate(authority.certificatePem);
  const publicKey = webPublicKey(options.publicKey);
  const notAfter = new Date(Math.min(nowMs + YEAR_MS, root.notAfter.getTime()));
  const certificate = await x509.X509CertificateGenerator.create({
    subject: commonName(options.commonName),
    issuer: root.subjectName.toJSON(),
    publicKey,
    signingKey: webKeys(authority.key).privateKey,
    signingAlgorithm: { name: ED25519 },
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(options.ends.map((end) => usages[end])),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: options.uri }, ...options.hosts]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(root.publicKey),
    ],
  });
  return { certificatePem: certificate.toString('pem'), expiresAtMs: certificate.notAfter.getTime() };
}
