import { describe, expect, it } from 'vitest';
import { labLayout } from './layout.ts';
import { hubBatch, nodeBatch, usedSubnets } from './network.ts';

const layout = labLayout({ name: 'lab', nodes: 1, subnet: 7 });
const [node] = layout.nodes;

describe('the network of a lab', () => {
  it('gives a node its addresses and one way out', () => {
    if (node === undefined) throw new Error('one node was asked for');
    expect(nodeBatch(node, false, true).split('\n')).toEqual([
      'link set dev lo up',
      'tuntap add dev wan0 mode tun',
      'link set dev wan0 addrgenmode none',
      'link set dev wan0 up',
      'address replace 198.18.7.10/32 dev wan0',
      'route replace default dev wan0 src 198.18.7.10',
      'address replace fd70:6c61:7:10::1/128 dev wan0 nodad',
      'route replace ::/0 dev wan0 src fd70:6c61:7:10::1',
      '',
    ]);
  });

  it('routes nothing but the lab on the machine itself, and no IPv6 where there is none', () => {
    const batch = hubBatch(layout, true, false);
    expect(batch).toContain('route replace 198.18.7.0/24 dev pl-lab');
    expect(batch).not.toMatch(/default|::|tuntap/);
  });

  it('sees which networks are taken, by address or by route', () => {
    const text = '    inet 198.18.3.1/32 scope global pl-a\nfd70:6c61:12::/48 dev pl-b\n198.180.5.0/24 dev eth0';
    expect([...usedSubnets(text)]).toEqual([3, 12]);
  });
});
