import { isIPv4 } from 'node:net';

const IPV4_MIN_HEADER = 20;
const IPV4_DESTINATION = 16;
const IPV6_HEADER = 40;
const IPV6_DESTINATION = 24;

/** Where a packet goes: the index of the port that has its destination address; undefined when none has. */
export type Router = (packet: Uint8Array) => number | undefined;

/** Routes IPv4 by exact address and IPv6 by /64, the two ways in which a lab gives out addresses. */
export function createRouter(ports: readonly { readonly ipv4: string; readonly ipv6Prefix: string }[]): Router {
  const byIpv4 = new Map<number, number>();
  const byIpv6 = new Map<number, Map<number, number>>();
  for (const [index, port] of ports.entries()) {
    byIpv4.set(ipv4Number(port.ipv4), index);
    const [high, low] = ipv6PrefixNumbers(port.ipv6Prefix);
    const lows = byIpv6.get(high) ?? new Map<number, number>();
    byIpv6.set(high, lows.set(low, index));
  }
  return (packet) => {
    const version = (packet[0] ?? 0) >> 4;
    if (version === 4 && packet.length >= IPV4_MIN_HEADER) return byIpv4.get(wordAt(packet, IPV4_DESTINATION));
    if (version !== 6 || packet.length < IPV6_HEADER) return undefined;
    return byIpv6.get(wordAt(packet, IPV6_DESTINATION))?.get(wordAt(packet, IPV6_DESTINATION + 4));
  };
}

const byteAt = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0;

/** 32 bits, most significant first, as an unsigned number. */
const wordAt = (bytes: Uint8Array, offset: number): number =>
  ((byteAt(bytes, offset) << 24) |
    (byteAt(bytes, offset + 1) << 16) |
    (byteAt(bytes, offset + 2) << 8) |
    byteAt(bytes, offset + 3)) >>>
  0;

function ipv4Number(address: string): number {
  if (!isIPv4(address)) throw new TypeError(`not an IPv4 address: ${address}`);
  return wordAt(Uint8Array.from(address.split('.'), Number), 0);
}

/** The first 64 bits of a prefix written with all of its four groups, as the layout writes them. */
function ipv6PrefixNumbers(prefix: string): readonly [number, number] {
  const match = /^([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4}):([0-9a-f]{1,4})::\/64$/.exec(prefix);
  if (match === null) throw new TypeError(`not an IPv6 /64 prefix of four groups: ${prefix}`);
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(1).map((group) => Number.parseInt(group, 16));
  return [((a << 16) | b) >>> 0, ((c << 16) | d) >>> 0];
}
