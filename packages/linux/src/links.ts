import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { CommandRunner } from './command.ts';

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
export async function createRoutedVeth(veth: RoutedVeth, runner: CommandRunner): Promise<void> {
  const replace = listLinks().includes(veth.hostName);
  await runner.run({ argv: ['ip', '-batch', '-'], input: hostBatch(veth, replace) });
  guardHostEnd(veth.hostName);
  const enter = ['nsenter', '--net', '--target', String(veth.pid)] as const;
  await runner.run({ argv: [...enter, 'ip', '-batch', '-'], input: guestBatch(veth) });
}

/** Lines for `ip -batch` on the host's side. */
export function hostBatch(veth: RoutedVeth, replace: boolean): string {
  const host = linkName(veth.hostName);
  const guest = linkName(veth.guestName ?? 'eth0');
  const lines = [
    ...(replace ? [`link delete ${host}`] : []),
    `link add name ${host} type veth peer name ${guest} netns ${veth.pid}`,
    `link set dev ${host} addrgenmode none`,
    `address add ${veth.hostIpv4Gateway}/32 dev ${host} scope link`,
    `address add ${veth.hostIpv6Gateway}/64 dev ${host} nodad`,
    `link set dev ${host} up`,
    ...(veth.guestIpv4 === undefined ? [] : [`route add ${veth.guestIpv4}/32 dev ${host}`]),
    ...(veth.guestIpv6 === undefined ? [] : [`route add ${veth.guestIpv6}/128 dev ${host}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Lines for `ip -batch` inside the machine. */
export function guestBatch(veth: RoutedVeth): string {
  const guest = linkName(veth.guestName ?? 'eth0');
  const lines = ['link set dev lo up', `link set dev ${guest} up`];
  if (veth.guestIpv4 !== undefined) {
    lines.push(`address add ${veth.guestIpv4}/32 dev ${guest}`);
    lines.push(`route add default via ${veth.hostIpv4Gateway} dev ${guest} onlink`);
  }
  if (veth.guestIpv6 !== undefined) {
    lines.push(`address add ${veth.guestIpv6}/128 dev ${guest} nodad`);
    lines.push(`route add ::/0 via ${veth.hostIpv6Gateway} dev ${guest} onlink`);
  }
  return `${lines.join('\n')}\n`;
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

/** Removes a link, and with a veth its other end. No effect when it is not there. */
export async function deleteLink(name: string, runner: CommandRunner): Promise<void> {
  if (listLinks().includes(name)) await runner.run({ argv: ['ip', 'link', 'delete', linkName(name)] });
}

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

/** Lets this network namespace pass packets on, and count them by flow where the kernel tracks flows. */
export function setForwarding(): void {
  setSysctl('ipv4/ip_forward', '1');
  setSysctl('ipv6/conf/all/forwarding', '1');
  if (existsSync('/proc/sys/net/netfilter/nf_conntrack_acct')) setSysctl('netfilter/nf_conntrack_acct', '1');
}

/** A host without IPv6 has none of its settings: that is not a failure. */
function setSysctl(key: string, value: string): void {
  const path = `/proc/sys/net/${key}`;
  if (key.startsWith('ipv6/') && !existsSync('/proc/sys/net/ipv6')) return;
  writeFileSync(path, value);
}

/** Guards the batch, in which a blank or a newline would begin other words: a name is checked before it gets there. */
function linkName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(name)) throw new RangeError(`not a link name: ${JSON.stringify(name)}`);
  return name;
}
