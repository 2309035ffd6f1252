import type { NodeNames } from '../paths.ts';

export interface FirewallInput {
  readonly names: Pick<NodeNames, 'table' | 'linkPrefix'>;
  readonly sliverIpv4Range: string;
}

/**
 * The node's whole rule set. It depends on no particular sliver: slivers are known by the names of their links, and
 * which addresses belong on a link is what the routing table says. So it is applied once, and a sliver comes and goes
 * without touching it. What a sliver may not reach is refused and not dropped, so that its people see at once that it
 * is closed. It only looks at packets from and to slivers; the rest of the host's traffic is the host's.
 */
export function renderFirewall({ names, sliverIpv4Range }: FirewallInput): string {
  const slivers = `"${names.linkPrefix}*"`;
  return `table inet ${names.table} {}
delete table inet ${names.table}
table inet ${names.table} {
  # to the node itself: answers, and what a neighbour on a link must be able to ask
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${slivers} jump to_node
  }
  chain to_node {
    fib saddr . iif oif missing drop
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
    reject with icmpx admin-prohibited
  }
  # between slivers and the world
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${slivers} jump from_sliver
    oifname ${slivers} jump to_sliver
  }
  chain from_sliver {
    # no address but the one that is routed to this link
    fib saddr . iif oif missing drop
    ct state invalid drop
    # what hosts and clouds keep on link-local addresses is theirs
    ip daddr 169.254.0.0/16 drop
    # private addresses of other slivers of this node
    oifname ${slivers} ip daddr ${sliverIpv4Range} reject with icmpx admin-prohibited
  }
  chain to_sliver {
    ct state invalid drop
    # private addresses are reached only by answers
    ip daddr ${sliverIpv4Range} ct state new drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${sliverIpv4Range} oifname != ${slivers} masquerade
  }
}
`;
}
