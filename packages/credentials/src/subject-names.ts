import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { PlanetLabError } from '@planetlab/model';

/** Most names in one certificate. */
export const MAX_HOSTS = 32;

const DNS_NAME =
  /^(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;

/** Sorts names into IP addresses and DNS names. Throws `malformed_name`; wildcards are refused too. */
export function parseHosts(names: readonly string[]): { type: 'dns' | 'ip'; value: string }[] {
  if (names.length > MAX_HOSTS) {
    throw new PlanetLabError(
      'malformed_name',
      `A certificate has at most ${MAX_HOSTS} names; ${names.length} are asked for.`,
    );
  }
  return names.map((value) => {
    if (isIP(value) !== 0 && !value.includes('%')) return { type: 'ip', value };
    if (DNS_NAME.test(value)) return { type: 'dns', value };
    throw new PlanetLabError(
      'malformed_name',
      `${JSON.stringify(value.slice(0, 100))} is not a DNS name or an IP address.`,
    );
  });
}

/**
 * What follows `prefix` in the certificate's URI names, or undefined. Node writes names as `TYPE:value, TYPE:value` and
 * quotes a value with anything special in it, so that a name cannot pass itself off as two.
 */
export function uriName(certificate: X509Certificate, prefix: string): string | undefined {
  const start = `URI:${prefix}`;
  const names = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith(start));
  return names.length === 1 ? names[0]?.slice(start.length) : undefined;
}

/** The one common name of the subject, or undefined. */
export function commonNameOf(certificate: X509Certificate): unknown {
  // The declared type is that of a peer certificate in TLS; a repeated name is an array at run time.
  const subject: unknown = certificate.toLegacyObject().subject;
  return typeof subject === 'object' && subject !== null && 'CN' in subject ? subject.CN : undefined;
}
