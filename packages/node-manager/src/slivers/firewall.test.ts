import { describe, expect, it } from 'vitest';
import { nodeNames } from '../paths.ts';
import { renderFirewall } from './firewall.ts';

describe('the rule set', () => {
  it('is this, for a node with tag 0c0ffee0', () => {
    const text = renderFirewall({ names: nodeNames('0c0ffee0'), sliverIpv4Range: '100.96.0.0/16' });
    expect(text.replaceAll(/^\s*#.*\n/gm, '')).toBe(`table inet planetlab_0c0ffee0 {}
delete table inet planetlab_0c0ffee0
table inet planetlab_0c0ffee0 {
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "pl0c0f-*" jump to_node
  }
  chain to_node {
    fib saddr . iif oif missing drop
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
    reject with icmpx admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "pl0c0f-*" jump from_sliver
    oifname "pl0c0f-*" jump to_sliver
  }
  chain from_sliver {
    fib saddr . iif oif missing drop
    ct state invalid drop
    ip daddr 169.254.0.0/16 drop
    oifname "pl0c0f-*" ip daddr 100.96.0.0/16 reject with icmpx admin-prohibited
  }
  chain to_sliver {
    ct state invalid drop
    ip daddr 100.96.0.0/16 ct state new drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 100.96.0.0/16 oifname != "pl0c0f-*" masquerade
  }
}
`);
  });
});
