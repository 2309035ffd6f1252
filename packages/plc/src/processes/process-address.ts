import { networkInterfaces } from 'node:os';
import { formatHostPort, type HostPort, isWildcard } from '../host-port.ts';

/**
 * Where other processes reach this one's node listener, when nobody has said it: where it listens; and when that is every
 * address of the machine, its first one that is not the loopback's.
 */
export function processAddress(listen: HostPort, port: number): string {
  return formatHostPort({ host: isWildcard(listen.host) ? ownAddress(listen.host === '::') : listen.host, port });
}

function ownAddress(ipv6Too: boolean): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outside = all.filter(({ internal }) => !internal);
  const found =
    outside.find(({ family }) => family === 'IPv4') ??
    (ipv6Too ? outside.find(({ scopeid }) => scopeid === 0) : undefined);
  return found?.address ?? '127.0.0.1';
}
