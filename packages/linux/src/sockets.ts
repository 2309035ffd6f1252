import { existsSync, readFileSync } from 'node:fs';

export interface ListeningSocket {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
}

const TABLES = [
  ['tcp', 'tcp'],
  ['tcp', 'tcp6'],
  ['udp', 'udp'],
  ['udp', 'udp6'],
] as const;

/** Ports of this network namespace on which some program of the machine can be reached from elsewhere. */
export const listeningSockets = (): readonly ListeningSocket[] =>
  TABLES.flatMap(([protocol, table]) => {
    const path = `/proc/thread-self/net/${table}`;
    return existsSync(path) ? parseSocketTable(protocol, readFileSync(path, 'utf8')) : [];
  });

const LISTEN = '0A';
const UNCONNECTED = '07';

/** Reads `/proc/net/tcp` and its like, without what listens for the machine itself only. */
export function parseSocketTable(protocol: 'tcp' | 'udp', text: string): readonly ListeningSocket[] {
  const waiting = protocol === 'tcp' ? LISTEN : UNCONNECTED;
  return text
    .split('\n')
    .slice(1) // headings
    .flatMap((line) => {
      const [, local = '', , state] = line.trim().split(/\s+/);
      const [address = '', port = ''] = local.split(':');
      return state !== waiting || isLoopback(address) ? [] : [{ protocol, port: Number.parseInt(port, 16) }];
    });
}

/** Addresses stand there as 32-bit numbers in the machine's own byte order. */
const isLoopback = (hex: string): boolean =>
  (hex.length === 8 && hex.endsWith('7F')) || hex === '00000000000000000000000001000000';
