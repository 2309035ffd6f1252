import { isIPv6 } from 'node:net';
import { attribute, type NetlinkRequest, terminated, uint32 } from './netlink.ts';

/** Requests about links, addresses and routes, one function each: the kernel's structures of rtnetlink(7). */

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_NEWNEIGH = 28;
const AF_INET = 2;
const AF_INET6 = 10;
const SCOPE_GLOBAL = 0;
const SCOPE_LINK = 253;

const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_PID = 19;
const IFLA_AF_SPEC = 26;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;

/** `struct ifinfomsg`. */
function linkHeader(number: number, flags = 0): Buffer {
  const header = Buffer.alloc(16);
  header.writeInt32LE(number, 4);
  header.writeUInt32LE(flags, 8);
  header.writeUInt32LE(flags, 12); // which of the flags are meant
  return header;
}

/** Hardware addresses of the ends of a pair. The same for every pair: each is a network of its own. */
export const VETH_MACS = {
  here: Buffer.from('020000000001', 'hex'),
  peer: Buffer.from('020000000002', 'hex'),
} as const;

/** A veth pair: `name` here, `peer` in the network namespace of process `pid`. */
export const addVeth = (name: string, peer: string, pid: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  create: true,
  subject: `link ${name}`,
  payload: Buffer.concat([
    linkHeader(0),
    attribute(IFLA_IFNAME, terminated(name)),
    attribute(IFLA_ADDRESS, VETH_MACS.here),
    attribute(
      IFLA_LINKINFO,
      attribute(IFLA_INFO_KIND, terminated('veth')),
      attribute(
        IFLA_INFO_DATA,
        attribute(
          VETH_INFO_PEER,
          linkHeader(0),
          attribute(IFLA_IFNAME, terminated(peer)),
          attribute(IFLA_ADDRESS, VETH_MACS.peer),
          attribute(IFLA_NET_NS_PID, uint32(pid)),
        ),
      ),
    ),
  ]),
});

export const removeLink = (number: number): NetlinkRequest => ({
  type: RTM_DELLINK,
  subject: `removal of link ${number}`,
  payload: linkHeader(number),
});

export const setLinkUp = (number: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  subject: `link ${number} up`,
  payload: linkHeader(number, IFF_UP),
});

/** The kernel gives the link no IPv6 address of its own making. */
export const withoutOwnIpv6 = (number: number): NetlinkRequest => ({
  type: RTM_NEWLINK,
  subject: `address generation of link ${number}`,
  payload: Buffer.concat([
    linkHeader(number),
    attribute(
      IFLA_AF_SPEC,
      attribute(AF_INET6, attribute(IFLA_INET6_ADDR_GEN_MODE, Buffer.from([ADDR_GEN_MODE_NONE]))),
    ),
  ]),
});

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
/** No search for others with the same address: on a link of two ends there are none. */
const IFA_F_NODAD = 2;

/** An address on a link; `ofLink`: not to be used as the source for anything beyond it. */
export function addAddress(
  number: number,
  address: string,
  prefixLength: number,
  { ofLink = false }: { readonly ofLink?: boolean } = {},
): NetlinkRequest {
  const header = Buffer.alloc(8);
  header.set([familyOf(address), prefixLength, isIPv6(address) ? IFA_F_NODAD : 0, ofLink ? SCOPE_LINK : SCOPE_GLOBAL]);
  header.writeUInt32LE(number, 4);
  const bytes = addressBytes(address);
  return {
    type: RTM_NEWADDR,
    create: true,
    subject: `address ${address} on link ${number}`,
    payload: Buffer.concat([header, attribute(IFA_LOCAL, bytes), attribute(IFA_ADDRESS, bytes)]),
  };
}

const NUD_PERMANENT = 0x80;
const NDA_DST = 1;
const NDA_LLADDR = 2;

/** Who has an address on a link, for good: nobody is asked, and nobody can say otherwise. */
export function addNeighbour(number: number, address: string, mac: Buffer): NetlinkRequest {
  const header = Buffer.alloc(12);
  header.writeUInt8(familyOf(address), 0);
  header.writeInt32LE(number, 4);
  header.writeUInt16LE(NUD_PERMANENT, 8);
  const payload = Buffer.concat([header, attribute(NDA_DST, addressBytes(address)), attribute(NDA_LLADDR, mac)]);
  return { type: RTM_NEWNEIGH, create: true, subject: `neighbour ${address} on link ${number}`, payload };
}

const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const RTNH_F_ONLINK = 4;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;

/** A route to one address over a link. */
export function addHostRoute(number: number, address: string): NetlinkRequest {
  const bytes = addressBytes(address);
  const header = routeHeader(address, { prefixLength: bytes.length * 8, onLink: true });
  const payload = Buffer.concat([header, attribute(RTA_DST, bytes), attribute(RTA_OIF, uint32(number))]);
  return { type: RTM_NEWROUTE, create: true, subject: `route to ${address} on link ${number}`, payload };
}

/** The default route, over a gateway on the link that is on no network of the link's own. */
export function addDefaultRoute(number: number, gateway: string): NetlinkRequest {
  const header = routeHeader(gateway, { prefixLength: 0, onLink: false });
  const over = [attribute(RTA_GATEWAY, addressBytes(gateway)), attribute(RTA_OIF, uint32(number))];
  const payload = Buffer.concat([header, ...over]);
  return { type: RTM_NEWROUTE, create: true, subject: `default route via ${gateway} on link ${number}`, payload };
}

/** `struct rtmsg`. */
function routeHeader(address: string, { prefixLength, onLink }: { prefixLength: number; onLink: boolean }): Buffer {
  const header = Buffer.alloc(12);
  const scope = onLink && !isIPv6(address) ? SCOPE_LINK : SCOPE_GLOBAL;
  header.set([familyOf(address), prefixLength, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST]);
  header.writeUInt32LE(onLink ? 0 : RTNH_F_ONLINK, 8);
  return header;
}

const familyOf = (address: string): number => (isIPv6(address) ? AF_INET6 : AF_INET);

/** The bytes of an address in the order of the network. */
export function addressBytes(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number));
  // an IPv4 tail becomes two groups of four hex digits
  const plain = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16));
  const [first, last] = [groups(head), tail === undefined ? [] : groups(tail)];
  const all = [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 255]));
}
