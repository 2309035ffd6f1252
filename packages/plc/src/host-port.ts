import { PlanetLabError } from '@planetlab/model';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Reads `127.0.0.1:8420`, `plc.example.org:443`, `[::1]:8420`. Throws `malformed_request`. */
export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port <= 65_535) return { host, port };
  throw new PlanetLabError(
    'malformed_request',
    `${JSON.stringify(text)} is not an address: give a host and a port, such as 127.0.0.1:8420 or [::1]:8420.`,
  );
}

export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** Addresses that mean "every address of this machine": nobody can be told to go there. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** Turns the failure to listen somewhere into a sentence; anything else stays what it is. */
export function listenError(error: unknown, where: HostPort): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const address = formatHostPort(where);
  if (code === 'EADDRINUSE') {
    return new PlanetLabError(
      'conflict',
      `Another program listens at ${address} already. Stop it, or choose another port.`,
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new PlanetLabError('conflict', `This machine does not have the address ${address}. Choose one that it has.`);
  }
  if (code === 'EACCES') {
    return new PlanetLabError('conflict', `Listening at ${address} is not permitted. Choose a port above 1023.`);
  }
  return error;
}
