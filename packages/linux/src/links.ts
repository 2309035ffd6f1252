import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  addAddress,
  addDefaultRoute,
  addHostRoute,
  addNeighbour,
  addVeth,
  removeLink,
  setLinkUp,
  VETH_MACS,
  withoutOwnIpv6,
} from './link-requests.ts';
import { withNetworkNamespace } from './namespaces.ts';
import { linkNumber, type NetlinkRequest, openNetlink } from './netlink.ts';
import { isErrno } from './processes.ts';

/**
 * A machine's network link: a veth pair with one end here and the other in the network namespace of process `pid`,
 * routed and not bridged. Host and machine share no network: each has one route to the other's address.
 */
export interface RoutedVeth {
  /** A process whose network namespace is the machine's. */
  readonly pid: number;
  /** Name of the host's end, at most 15 characters. */
  readonly hostName: string;
  /** Name of the machine's end; `eth0` by default. */
  readonly guestName?: string;
  /** Addresses of the machine, without prefix length: they are single ones. */
  readonly guestIpv4?: string;
  readonly guestIpv6?: string;
  /** What the machine takes for its gateway; link-local, and so the same on every link, such as 169.254.1.1 and fe80::1. */
  readonly hostIpv4Gateway: string;
  readonly hostIpv6Gateway: string;
}

/** Makes, addresses and routes the pair. One of that name that is there already is removed first. */
export async function createRoutedVeth(veth: RoutedVeth): Promise<void> {
  const host = checkedName(veth.hostName);
  const guest = checkedName(veth.guestName ?? 'eth0');
  using here = openNetlink();
  using there = withNetworkNamespace(`/proc/${veth.pid}/ns/net`, openNetlink);
  await deleteLink(host);
  await here.send([addVeth(host, guest, veth.pid)]);
  await here.send(hostEnd(veth, existing(host)));
  guardHostEnd(host);
  await there.send(
    guestEnd(
      veth,
      withNetworkNamespace(`/proc/${veth.pid}/ns/net`, () => existing(guest)),
    ),
  );
}

/**
 * What the host's end of a new pair gets. Both ends know each other for good: the kernel has one table of neighbours
 * for all network namespaces, and a machine that fills it must not make others forget their gateway.
 */
export const hostEnd = (veth: RoutedVeth, number: number): readonly NetlinkRequest[] => [
  withoutOwnIpv6(number),
  addAddress(number, veth.hostIpv4Gateway, 32, { ofLink: true }),
  addAddress(number, veth.hostIpv6Gateway, 64),
  setLinkUp(number),
  ...[veth.guestIpv4, veth.guestIpv6].flatMap((address) =>
    address === undefined ? [] : [addHostRoute(number, address), addNeighbour(number, address, VETH_MACS.peer)],
  ),
];

/** What the machine's end gets: single addresses, and a gateway that is on no network of its own. */
export const guestEnd = (veth: RoutedVeth, number: number): readonly NetlinkRequest[] => [
  setLinkUp(LOOPBACK_NUMBER),
  setLinkUp(number),
  ...(veth.guestIpv4 === undefined
    ? []
    : [
        addAddress(number, veth.guestIpv4, 32),
        addNeighbour(number, veth.hostIpv4Gateway, VETH_MACS.here),
        addDefaultRoute(number, veth.hostIpv4Gateway),
      ]),
  ...(veth.guestIpv6 === undefined
    ? []
    : [
        addAddress(number, veth.guestIpv6, 128),
        addNeighbour(number, veth.hostIpv6Gateway, VETH_MACS.here),
        addDefaultRoute(number, veth.hostIpv6Gateway),
      ]),
];

/** In every network namespace. */
const LOOPBACK_NUMBER = 1;

function existing(name: string): number {
  const number = linkNumber(name);
  if (number === undefined) throw new Error(`the link ${name} vanished while it was configured`);
  return number;
}

/**
 * What the host must not do on a link whose other end is hostile: take routes or addresses from it, or accept packets
 * that come from an address which is not routed to it.
 */
function guardHostEnd(name: string): void {
  for (const key of ['accept_ra', 'autoconf', 'accept_redirects', 'accept_dad']) {
    setSysctl(`ipv6/conf/${name}/${key}`, '0');
  }
  for (const key of ['accept_redirects', 'send_redirects']) setSysctl(`ipv4/conf/${name}/${key}`, '0');
  setSysctl(`ipv4/conf/${name}/rp_filter`, '1');
}

/** Removes a link, and with a veth its other end. No effect when it is not there, or is removed by somebody else meanwhile. */
export async function deleteLink(name: string): Promise<void> {
  const number = linkNumber(checkedName(name));
  if (number === undefined) return;
  using socket = openNetlink();
  try {
    await socket.send([removeLink(number)]);
  } catch (error) {
    if (!isErrno(error, 'ENODEV')) throw error; // with the end of its machine the kernel removes it too
  }
}

/** Whether there is a link of this name in the network namespace of the calling thread. However many others there are. */
export const hasLink = (name: string): boolean => linkNumber(name) !== undefined;

/** Names of the links in the network namespace of the calling thread. */
export const listLinks = (): readonly string[] =>
  // Not /sys/class/net: that shows the namespace in which /sys was mounted.
  parseLinkTable(readFileSync('/proc/thread-self/net/dev', 'utf8'));

export function parseLinkTable(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(2) // headings
    .map((line) => line.slice(0, Math.max(0, line.indexOf(':'))).trim())
    .filter((name) => name !== '');
}

/** The device over which packets without a better route leave, or undefined when there is none. */
export const defaultRouteDevice = (): string | undefined =>
  parseDefaultRoute(readFileSync('/proc/thread-self/net/route', 'utf8'));

/** Of several default routes the one with the lowest metric. */
export function parseDefaultRoute(text: string): string | undefined {
  const routes = text
    .split('\n')
    .slice(1) // headings
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination === '00000000' && mask === '00000000')
    .toSorted((a, b) => Number(a[6]) - Number(b[6]));
  return routes[0]?.[0];
}

/** A host without IPv6 has none of its settings: that is not a failure. */
function setSysctl(key: string, value: string): void {
  const path = `/proc/sys/net/${key}`;
  if (key.startsWith('ipv6/') && !existsSync('/proc/sys/net/ipv6')) return;
  writeFileSync(path, value);
}

/** Names go into paths and are cut by the kernel at 15 characters: what is not a name is refused. */
function checkedName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(name)) throw new RangeError(`not a link name: ${JSON.stringify(name)}`);
  return name;
}
