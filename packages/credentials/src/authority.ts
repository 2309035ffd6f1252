import { AuthorityName, PlanetLabError } from '@planetlab/model';
import { certificateFingerprint, parseCertificate } from './fingerprint.ts';
import type { KeyPair } from './keys.ts';
import { generateKeyPair, importKeyPair, publicKeyOf } from './keys.ts';
import type { TrustedAuthority } from './slice-credential.ts';
import { commonNameOf } from './subject-names.ts';
import { BACKDATE_MS, commonName, ED25519, loadX509, webKeys, YEAR_MS } from './x509.ts';

const ROOT_VALID_MS = 10 * YEAR_MS;

/** An authority's root: the key that signs its credentials, and the certificate under which its TLS certificates stand. */
export interface AuthorityIdentity {
  readonly name: AuthorityName;
  readonly key: KeyPair;
  readonly certificatePem: string;
  /** Of the certificate: what join tokens carry. */
  readonly fingerprint: string;
}

/** Makes a new authority, with a root certificate for ten years. */
export async function createAuthorityIdentity(name: AuthorityName, nowMs: number): Promise<AuthorityIdentity> {
  const x509 = await loadX509();
  const key = generateKeyPair();
  const keys = webKeys(key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: commonName(name),
    keys,
    signingAlgorithm: { name: ED25519 },
    notBefore: new Date(nowMs - BACKDATE_MS),
    notAfter: new Date(nowMs + ROOT_VALID_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return identityOf(name, key, certificate.toString('pem'));
}

/** Reads a stored authority. Throws `malformed_key` or `credential_invalid` when the files are not a matching pair. */
export function loadAuthorityIdentity(files: {
  readonly name: AuthorityName;
  readonly keyPem: string;
  readonly certificatePem: string;
}): AuthorityIdentity {
  const key = importKeyPair(files.keyPem);
  const certificate = parseCertificate(files.certificatePem);
  if (publicKeyOf(certificate.publicKey).thumbprint !== key.publicKey.thumbprint) {
    throw new PlanetLabError(
      'credential_invalid',
      `The certificate of the authority ${files.name} is not one of its key. Restore both from the same backup.`,
    );
  }
  return identityOf(files.name, key, files.certificatePem);
}

const identityOf = (name: AuthorityName, key: KeyPair, certificatePem: string): AuthorityIdentity => ({
  name,
  key,
  certificatePem,
  fingerprint: certificateFingerprint(certificatePem),
});

/** What a root certificate says of its authority: all that whoever knows its fingerprint needs to trust. */
export interface AuthorityCertificate extends TrustedAuthority {
  /** This certificate alone, whatever else the text had that it was read from. */
  readonly certificatePem: string;
  readonly fingerprint: string;
}

/**
 * Reads a root certificate. Name and key come from it and nowhere else: beside it, whoever stands between could write
 * their own; and of several certificates in one text TLS would trust all. Throws `credential_invalid`, `malformed_key`.
 */
export function readAuthorityCertificate(pem: string): AuthorityCertificate {
  const certificate = parseCertificate(pem);
  const name = AuthorityName.safeParse(commonNameOf(certificate));
  if (!certificate.ca || !name.success) {
    throw new PlanetLabError('credential_invalid', 'This is not the root certificate of an authority.');
  }
  const certificatePem = certificate.toString().trimEnd();
  const fingerprint = certificateFingerprint(certificatePem);
  return { name: name.data, key: publicKeyOf(certificate.publicKey), certificatePem, fingerprint };
}
