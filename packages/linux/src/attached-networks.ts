import { existsSync, readFileSync } from 'node:fs';

/** Where a machine stands: what it reaches with no router between, and its routers to the world. */
export interface AttachedNetworks {
  /** As CIDR. */
  readonly networks: readonly string[];
  /** Addresses of the routers that default routes name. */
  readonly gateways: readonly string[];
}

/** As the routing table of the calling thread's network namespace has it now. */
export function attachedNetworks(): AttachedNetworks {
  const read = (file: string) => {
    const path = `/proc/thread-self/net/${file}`;
    return existsSync(path) ? readFileSync(path, 'utf8') : ''; // a host without IPv6 has no such table
  };
  return attachedIn([...parseIpv4Routes(read('route')), ...parseIpv6Routes(read('ipv6_route'))]);
}

interface Route {
  readonly network: string;
  readonly prefixLength: number;
  /** Null: the network lies on the link. */
  readonly gateway: string | null;
  /** Single addresses are no network; what is wider than any site's is a way to the world, such as half of all addresses over a tunnel. */
  readonly isNetwork: boolean;
}

/** Sorted, so that the same networks are the same text. */
export const attachedIn = (routes: readonly Route[]): AttachedNetworks => ({
  networks: distinct(
    routes.flatMap(({ network, prefixLength, gateway, isNetwork }) =>
      gateway === null && isNetwork ? [`${network}/${prefixLength}`] : [],
    ),
  ),
  gateways: distinct(
    routes.flatMap(({ prefixLength, gateway }) => (prefixLength === 0 && gateway !== null ? [gateway] : [])),
  ),
});

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort();

/** Routes that lead nowhere, by intent. */
const RTF_REJECT = 0x200;

/** The lines of `/proc/net/route`: addresses as numbers of the processor, lowest byte first. */
export function parseIpv4Routes(text: string): readonly Route[] {
  const address = (hex: string) => (hex.match(/../g) ?? []).reverse().map((octet) => Number.parseInt(octet, 16));
  return lines(text)
    .slice(1) // headings
    .filter((fields) => !rejects(fields[3]))
    .map(([, destination = '', gateway = '', , , , , mask = '']) => {
      const prefixLength = bitsIn(address(mask));
      return {
        ...{ network: address(destination).join('.'), prefixLength },
        gateway: isZero(gateway) ? null : address(gateway).join('.'),
        isNetwork: prefixLength >= 8 && prefixLength < 32,
      };
    });
}

const bitsIn = (octets: readonly number[]): number =>
  octets.reduce((sum, octet) => sum + octet.toString(2).replaceAll('0', '').length, 0);

/** The lines of `/proc/net/ipv6_route`: addresses as 32 hex digits. */
export function parseIpv6Routes(text: string): readonly Route[] {
  const address = (hex: string) => (hex.match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16));
  return lines(text)
    .filter((fields) => !rejects(fields[8]))
    .map(([destination = '', length = '', , , gateway = '']) => {
      const prefixLength = Number.parseInt(length, 16);
      return {
        ...{ network: address(destination).join(':'), prefixLength },
        gateway: isZero(gateway) ? null : address(gateway).join(':'),
        isNetwork: prefixLength >= 32 && prefixLength < 128,
      };
    });
}

const lines = (text: string): readonly string[][] =>
  text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(({ length }) => length > 1);

const isZero = (hex: string): boolean => /^0*$/.test(hex);
const rejects = (flags = ''): boolean => (Number.parseInt(flags, 16) & RTF_REJECT) !== 0;
