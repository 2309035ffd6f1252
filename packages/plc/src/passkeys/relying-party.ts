import { isIP } from 'node:net';

/** What a browser binds a passkey to: the name of the host that people reach us by, and from where its pages come. */
export interface RelyingParty {
  readonly id: string;
  readonly origin: string;
  /** What the browser shows. */
  readonly name: string;
}

/** Undefined where browsers know no passkeys: at an address without a name, and without TLS unless it is this machine. */
export function relyingParty(publicUrl: string, name: string): RelyingParty | undefined {
  const url = URL.parse(publicUrl);
  if (url === null) return undefined;
  const host = url.hostname;
  const hasName = isIP(host) === 0 && !host.startsWith('[');
  const secure = url.protocol === 'https:' || host === 'localhost' || host.endsWith('.localhost');
  return hasName && secure ? { id: host, origin: url.origin, name } : undefined;
}
