import { describe, expect, it } from 'vitest';
import { nodeNames } from '../paths.ts';
import { renderFirewall, sliverElements } from './firewall.ts';

const names = nodeNames('0c0ffee0');
const plain = {
  names,
  sliverIpv4Range: '100.96.0.0/16',
  ipv6Prefix: null,
  sharedIpv4: '198.51.100.2',
  publicIpv4: null,
  openToSlivers: [],
  resolvers: [],
  router: { ipv4: true, ipv6: true },
  attached: { networks: ['192.168.7.0/24'], gateways: ['192.168.7.1'] }, // closed anyway
};
const chain = (text: string, name: string) =>
  new RegExp(`chain ${name} \\{\\n([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n  \\}`).exec(text)?.[1];

/** Without its comments. */
const RULE_SET = `table inet planetlab_0c0ffee0 {}
delete table inet planetlab_0c0ffee0
table inet planetlab_0c0ffee0 {
  map marks { type ifname : mark; }
  map classes { type mark : classid; }
  set new_flows { type mark; size 16384; flags dynamic; limit rate over 1/second; }
  set flows { type mark; size 16384; flags dynamic; }
  set questions { type mark; size 16384; flags dynamic; }
  set refused { type mark; size 16384; counter; }
  map ports { type inet_proto . inet_service : ipv4_addr; }
  set bound { type ipv4_addr . inet_proto . inet_service; }
  chain arriving {
    type filter hook prerouting priority mangle; policy accept;
    iifname "pl0c0f-*" jump from_link
  }
  chain from_link {
    fib saddr . iif oif missing drop
    meta mark set iifname map @marks
    meta mark 0 drop
    ct state invalid drop
    ct state new ct mark 0 jump new_flow
  }
  chain new_flow {
    meta mark @new_flows meta mark @refused drop
    add @flows { meta mark ct count over 4096 } meta mark @refused drop
    ct mark set meta mark
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "pl0c0f-*" jump to_node
  }
  chain to_node {
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type echo-request accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } update @questions { meta mark limit rate 5/second burst 10 packets } accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop
    reject with icmpx admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "pl0c0f-*" oifname != "pl0c0f-*" jump to_world
    oifname "pl0c0f-*" jump to_sliver
  }
  chain to_world {
    ct state established,related accept
    ip daddr { 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 } reject with icmpx admin-prohibited
    ip6 daddr { fc00::/7, fe80::/10 } reject with icmpx admin-prohibited
  }
  chain to_sliver {
    ct state invalid drop
    meta mark set oifname map @marks
    ct state established,related accept
    ct state new ct mark 0 jump flow_to_sliver
    ct status dnat accept
    iifname "pl0c0f-*" ip daddr 100.96.0.0/16 reject with icmpx admin-prohibited
    ip daddr 100.96.0.0/16 drop
  }
  chain flow_to_sliver {
    add @flows { meta mark ct count over 4096 } meta mark @refused drop
    ct mark set meta mark
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    fib daddr type local dnat ip to meta l4proto . th dport map @ports
  }
  chain leaving {
    type filter hook postrouting priority mangle; policy accept;
    oifname != "pl0c0f-*" meta priority set meta mark map @classes
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname != "pl0c0f-*" ip saddr 100.96.0.0/16 jump to_shared_address
    oifname "pl0c0f-*" ip saddr 100.96.0.0/16 ct status dnat jump to_neighbour
  }
  chain to_shared_address {
    ip saddr . meta l4proto . th sport @bound masquerade
    meta l4proto { tcp, udp } masquerade to :32768-60999
    masquerade
  }
  chain to_neighbour {
    ip saddr . meta l4proto . th sport @bound snat ip to 198.51.100.2
    meta l4proto { tcp, udp } snat ip to 198.51.100.2:32768-60999
  }
}
`;

describe('the rule set', () => {
  it('is this, for a node with tag 0c0ffee0', () => {
    expect(renderFirewall(plain).replaceAll(/^\s*#.*\n/gm, '')).toBe(RULE_SET);
  });

  it('opens what the owner opens, and the name servers', () => {
    const text = renderFirewall({
      ...plain,
      ipv6Prefix: 'fd00:db8:0:1::/64',
      openToSlivers: ['192.168.7.0/24', 'fd70::/16'],
      resolvers: ['10.0.0.53', 'fd00::53'],
    });
    expect(chain(text, 'to_world')).toBe(`    ct state established,related accept
    ip daddr 192.168.7.0/24 accept
    ip6 daddr fd70::/16 accept
    ip daddr 10.0.0.53 meta l4proto { tcp, udp } th dport 53 accept
    ip6 daddr fd00::53 meta l4proto { tcp, udp } th dport 53 accept
    ip daddr { 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 } reject with icmpx admin-prohibited
    ip6 daddr { fc00::/7, fe80::/10 } reject with icmpx admin-prohibited`);
  });

  it('sends no packet on to an address of its prefix that no sliver has', () => {
    const text = renderFirewall({ ...plain, ipv6Prefix: '2001:db8:0:1::/64' });
    expect(chain(text, 'forward')).toBe(`    type filter hook forward priority filter; policy accept;
    oifname != "pl0c0f-*" ip6 daddr 2001:db8:0:1::/64 reject with icmpx no-route
    iifname "pl0c0f-*" oifname != "pl0c0f-*" jump to_world
    oifname "pl0c0f-*" jump to_sliver`);
  });

  it('makes no router of a machine that was none', () => {
    const text = renderFirewall({ ...plain, router: { ipv4: false, ipv6: false } });
    expect(chain(text, 'forward')).toBe(`    type filter hook forward priority filter; policy accept;
    iifname != "pl0c0f-*" oifname != "pl0c0f-*" meta nfproto ipv4 drop
    iifname != "pl0c0f-*" oifname != "pl0c0f-*" meta nfproto ipv6 drop
    iifname "pl0c0f-*" oifname != "pl0c0f-*" jump to_world
    oifname "pl0c0f-*" jump to_sliver`);
  });

  it('closes the networks in which the node stands, also public ones, but for their routers, and after what the owner opens', () => {
    const attached = {
      networks: ['10.1.0.0/16', '192.0.2.0/24', '2001:db8:1:3:0:0:0:0/64', 'fe80:0:0:0:0:0:0:0/64'],
      gateways: ['10.1.0.1', '192.0.2.1', '2001:db8:1:3:0:0:0:1'],
    };
    const text = renderFirewall({ ...plain, openToSlivers: ['192.0.2.7/32'], attached });
    expect(chain(text, 'to_world')?.replaceAll(/^\s*#.*\n/gm, '')).toBe(`    ct state established,related accept
    ip daddr 192.0.2.7/32 accept
    ip daddr { 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 } reject with icmpx admin-prohibited
    ip6 daddr { fc00::/7, fe80::/10 } reject with icmpx admin-prohibited
    ip daddr 192.0.2.1 accept
    ip6 daddr 2001:db8:1:3:0:0:0:1 accept
    ip daddr 192.0.2.0/24 reject with icmpx admin-prohibited
    ip6 daddr 2001:db8:1:3:0:0:0:0/64 reject with icmpx admin-prohibited`);
  });

  it('binds ports of the address in front of the machine too, and does without one of its own', () => {
    const text = renderFirewall({ ...plain, sharedIpv4: null, publicIpv4: '203.0.113.7' });
    expect(text).toContain('ip daddr 203.0.113.7 dnat ip to meta l4proto . th dport map @ports');
    expect(text).toContain('th sport @bound masquerade\n    meta l4proto { tcp, udp } masquerade to :32768-60999\n  }');
  });

  it('has of each sliver its mark, class, limits and ports', () => {
    const elements = sliverElements({
      index: 42,
      link: 'pl0c0f-42',
      ipv4: '100.96.0.42',
      newFlowsPerSecond: 200,
      ports: [
        { protocol: 'udp', port: 53 },
        { protocol: 'tcp', port: 8080 },
      ],
    });
    expect(elements.map(({ set, element }) => `${set}: ${element}`)).toEqual([
      'marks: "pl0c0f-42" : 42',
      'classes: 42 : 1:2a',
      'new_flows: 42 limit rate over 200/second burst 400 packets',
      'refused: 42',
      'ports: tcp . 8080 : 100.96.0.42',
      'bound: 100.96.0.42 . tcp . 8080',
      'ports: udp . 53 : 100.96.0.42',
      'bound: 100.96.0.42 . udp . 53',
    ]);
  });
});
