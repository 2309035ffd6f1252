import { BlockList } from 'node:net';
import { type AttachedNetworks, classId, type Forwarding } from '@planetlab/linux';
import { type PortBinding, portKey } from '@planetlab/model';
import type { RuleElement } from '../network/network-state.ts';
import type { NodeNames } from '../paths.ts';

export interface FirewallInput {
  readonly names: Pick<NodeNames, 'table' | 'linkPrefix'>;
  readonly sliverIpv4Range: string;
  /** Of slivers' own addresses, each routed to its link. */
  readonly ipv6Prefix: string | null;
  /** The address that slivers share, as it stands on the machine; null when there is none. */
  readonly sharedIpv4: string | null;
  /** The node's address as others reach it, where that is not on the machine (one-to-one NAT in front of it). */
  readonly publicIpv4: string | null;
  /** Parts of the site's local network that slivers may reach, as CIDR. */
  readonly openToSlivers: readonly string[];
  /** Name servers that slivers are told to ask: reachable at port 53, wherever they are. */
  readonly resolvers: readonly string[];
  /** What the machine passes on that has nothing to do with slivers: nothing, unless it did so before the node came. */
  readonly router: Forwarding;
  /** The site's local network, also where it has public addresses: where the node itself stands. */
  readonly attached: AttachedNetworks;
}

/** Addresses that are not the Internet's: the site's local network, the neighbourhood of a cloud machine (RFC 1918, 6598, 3927, 4193). */
const CLOSED_IPV4 = ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];
const CLOSED_IPV6 = ['fc00::/7', 'fe80::/10'];

/** Source ports of flows that no port binding names; bindings are refused there, so that nobody gets another's answers. */
export const OUTGOING_PORTS = { first: 32_768, last: 60_999 } as const;
/** Flows that the kernel keeps for one sliver at a time; more are refused. */
export const FLOWS_PER_SLIVER = 4096;

/**
 * The node's rule set without any sliver. What belongs to one sliver are elements of its maps and sets, so that a
 * sliver comes and goes by a small atomic change. What a sliver may not reach is refused and not dropped, so that its
 * people see at once that it is closed. It only looks at packets from and to slivers; the rest is the host's, which passes
 * on between its own links what it passed on before the node came.
 */
export function renderFirewall(input: FirewallInput): string {
  const { table, linkPrefix } = input.names;
  const links = `"${linkPrefix}*"`;
  return `table inet ${table} {}
delete table inet ${table}
table inet ${table} {
${SLIVER_SETS}${arrivingChains(links)}${inputChains(links)}${forwardChains(links, input)}${natChains(links, input)}}
`;
}

/** The mark of a sliver is its index. A link that has none may send nothing. */
const SLIVER_SETS = `  map marks { type ifname : mark; }
  map classes { type mark : classid; }
  set new_flows { type mark; size 16384; flags dynamic; limit rate over 1/second; }
  set flows { type mark; size 16384; flags dynamic; }
  set questions { type mark; size 16384; flags dynamic; }
  set refused { type mark; size 16384; counter; }
  map ports { type inet_proto . inet_service : ipv4_addr; }
  set bound { type ipv4_addr . inet_proto . inet_service; }
`;

const arrivingChains = (links: string): string => `  chain arriving {
    type filter hook prerouting priority mangle; policy accept;
    iifname ${links} jump from_link
  }
  chain from_link {
    # no address but the one that is routed to this link
    fib saddr . iif oif missing drop
    meta mark set iifname map @marks
    meta mark 0 drop
    ct state invalid drop
    # a flow's mark says who began it
    ct state new ct mark 0 jump new_flow
  }
  chain new_flow {
    meta mark @new_flows meta mark @refused drop
    add @flows { meta mark ct count over ${FLOWS_PER_SLIVER} } meta mark @refused drop
    ct mark set meta mark
  }
`;

const inputChains = (
  links: string,
): string => `  # to the node itself: answers, and what a neighbour on a link must be able to ask
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${links} jump to_node
  }
  chain to_node {
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type echo-request accept
    # both ends of a link know each other already; each question may leave an entry in a table that all share, and so does each refusal that is told
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } update @questions { meta mark limit rate 5/second burst 10 packets } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop
    reject with icmpx admin-prohibited
  }
`;

function forwardChains(links: string, input: FirewallInput): string {
  const { sliverIpv4Range, ipv6Prefix, router } = input;
  // a packet to an address that no sliver has would come back from the router again and again
  const unused =
    ipv6Prefix === null ? '' : `    oifname != ${links} ip6 daddr ${ipv6Prefix} reject with icmpx no-route\n`;
  const others = (['ipv4', 'ipv6'] as const)
    .filter((family) => !router[family])
    .map((family) => `    iifname != ${links} oifname != ${links} meta nfproto ${family} drop\n`);
  return `  # between slivers and the world
  chain forward {
    type filter hook forward priority filter; policy accept;
${unused}${others.join('')}    iifname ${links} oifname != ${links} jump to_world
    oifname ${links} jump to_sliver
  }
  chain to_world {
    ct state established,related accept
${openings(input)}    ip daddr { ${CLOSED_IPV4.join(', ')} } reject with icmpx admin-prohibited
    ip6 daddr { ${CLOSED_IPV6.join(', ')} } reject with icmpx admin-prohibited
${siteNetwork(input.attached)}  }
  chain to_sliver {
    ct state invalid drop
    meta mark set oifname map @marks
    ct state established,related accept
    ct state new ct mark 0 jump flow_to_sliver
    # private addresses are reached by answers and bound ports only
    ct status dnat accept
    iifname ${links} ip daddr ${sliverIpv4Range} reject with icmpx admin-prohibited
    ip daddr ${sliverIpv4Range} drop
  }
  chain flow_to_sliver {
    add @flows { meta mark ct count over ${FLOWS_PER_SLIVER} } meta mark @refused drop
    ct mark set meta mark
  }
`;
}

/** What is open although it may lie in the local network. */
function openings({ openToSlivers, resolvers }: FirewallInput): string {
  const open = openToSlivers.map((range) => `    ${family(range)} daddr ${range} accept\n`);
  const ask = resolvers.map(
    (address) => `    ${family(address)} daddr ${address} meta l4proto { tcp, udp } th dport 53 accept\n`,
  );
  return [...open, ...ask].join('');
}

/** The networks in which the node stands, but for the routers by which everything leaves: for slivers they are a part of the world. */
function siteNetwork({ networks, gateways }: AttachedNetworks): string {
  const isPublic = (address: string) => !closed.check(address.replace(/\/.*/, ''), version(address));
  const open = gateways.filter(isPublic).map((address) => `    ${family(address)} daddr ${address} accept\n`);
  const shut = networks
    .filter(isPublic)
    .map((range) => `    ${family(range)} daddr ${range} reject with icmpx admin-prohibited\n`);
  return shut.length === 0 ? '' : [...open, ...shut].join('');
}

const version = (address: string) => (address.includes(':') ? 'ipv6' : 'ipv4');
const closed = new BlockList();
for (const range of [...CLOSED_IPV4, ...CLOSED_IPV6]) {
  const [address = '', bits] = range.split('/');
  closed.addSubnet(address, Number(bits), version(address));
}

const family = (address: string): string => (version(address) === 'ipv6' ? 'ip6' : 'ip');

function natChains(links: string, { sliverIpv4Range, sharedIpv4, publicIpv4 }: FirewallInput): string {
  const toPublic =
    publicIpv4 === null ? '' : `    ip daddr ${publicIpv4} dnat ip to meta l4proto . th dport map @ports\n`;
  const source = sharedIpv4 === null ? 'masquerade' : `snat ip to ${sharedIpv4}`;
  const ports = `${OUTGOING_PORTS.first}-${OUTGOING_PORTS.last}`;
  return `  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
${toPublic}  }
  chain leaving {
    type filter hook postrouting priority mangle; policy accept;
    oifname != ${links} meta priority set meta mark map @classes
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname != ${links} ip saddr ${sliverIpv4Range} jump to_shared_address
    oifname ${links} ip saddr ${sliverIpv4Range} ct status dnat jump to_neighbour
  }
  chain to_shared_address {
    # from its bound port a sliver is seen at that port; no other flow leaves by a port that could be bound
    ip saddr . meta l4proto . th sport @bound masquerade
    meta l4proto { tcp, udp } masquerade to :${ports}
    masquerade
  }
  chain to_neighbour {
    # slivers of one node meet by the node's address as if they were on two
    ip saddr . meta l4proto . th sport @bound ${source}
    meta l4proto { tcp, udp } ${source}${sharedIpv4 === null ? ' to ' : ''}:${ports}
  }
`;
}

export interface SliverRules {
  readonly index: number;
  readonly link: string;
  readonly ipv4: string;
  readonly newFlowsPerSecond: number;
  readonly ports: readonly PortBinding[];
}

/** What the rule set has of one sliver. */
export function sliverElements({ index, link, ipv4, newFlowsPerSecond, ports }: SliverRules): readonly RuleElement[] {
  const rate = `limit rate over ${newFlowsPerSecond}/second burst ${2 * newFlowsPerSecond} packets`;
  return [
    { set: 'marks', element: `"${link}" : ${index}` },
    { set: 'classes', element: `${index} : ${classId(index)}` },
    { set: 'new_flows', element: `${index} ${rate}` },
    { set: 'refused', element: `${index}` },
    ...ports
      .toSorted((a, b) => portKey(a).localeCompare(portKey(b)))
      .flatMap(({ protocol, port }) => [
        { set: 'ports', element: `${protocol} . ${port} : ${ipv4}` },
        { set: 'bound', element: `${ipv4} . ${protocol} . ${port}` },
      ]),
  ];
}
