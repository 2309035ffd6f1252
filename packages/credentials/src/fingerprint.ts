import { createHash, X509Certificate } from 'node:crypto';
import { PlanetLabError } from '@planetlab/model';

/** Reads a certificate. Throws `credential_invalid`. */
export function parseCertificate(pemOrDer: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(pemOrDer);
  } catch (cause) {
    throw new PlanetLabError('credential_invalid', 'This is not a certificate in PEM or DER form.', { cause });
  }
}

/** SHA-256 of a certificate's DER form, 64 hex digits. Throws `credential_invalid`. */
export function certificateFingerprint(pemOrDer: string | Uint8Array): string {
  return createHash('sha256').update(parseCertificate(pemOrDer).raw).digest('hex');
}
