import { describe, expect, it } from 'vitest';
import { attachedIn, attachedNetworks, parseIpv4Routes, parseIpv6Routes } from './attached-networks.ts';

/** As a kernel showed them for `address add 192.0.2.5/24`, a peer, a router each, a sliver's link, and half of all addresses over a tunnel. */
const IPV4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
eth1	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth0	003364C6	020200C0	0003	0	0	0	00FFFFFF	0	0	0
ppp0	0A7100CB	00000000	0005	0	0	0	FFFFFFFF	0	0	0
tun0	00000000	00000000	0001	0	0	0	00000080	0	0	0
*	007100CB	00000000	0201	0	0	0	00FFFFFF	0	0	0
`;
const NONE = '00000000000000000000000000000000';
const ipv6 = (destination: string, length: string, gateway: string, flags: string, device: string) =>
  `${destination} ${length} ${NONE} 00 ${gateway} 00000100 00000001 00000000 ${flags} ${device.padStart(8)}\n`;
const IPV6 = [
  ipv6('20010db8000100020000000000000005', '80', NONE, '00000001', 'eth0'),
  ipv6('20010db8000100030000000000000000', '40', NONE, '00000001', 'eth0'),
  ipv6('fe800000000000000000000000000000', '40', NONE, '00000001', 'eth0'),
  ipv6('20010db8000100040000000000000000', '40', NONE, '00200200', 'lo'),
  ipv6(NONE, '00', '20010db8000100030000000000000004', '00000003', 'eth0'),
  ipv6('ff000000000000000000000000000000', '08', NONE, '00000001', 'eth0'),
  ipv6(NONE, '00', NONE, '00200200', 'lo'),
].join('');

describe('where a machine stands', () => {
  it('is what its routing table reaches with no router between, each once, and neither single addresses nor half of all', () => {
    expect(attachedIn(parseIpv4Routes(IPV4))).toEqual({ networks: ['192.0.2.0/24'], gateways: ['192.0.2.1'] });
    expect(attachedIn(parseIpv6Routes(IPV6))).toEqual({
      networks: ['2001:db8:1:3:0:0:0:0/64', 'fe80:0:0:0:0:0:0:0/64'],
      gateways: ['2001:db8:1:3:0:0:0:4'],
    });
  });

  it('is nowhere without routes, and is read from the kernel', () => {
    expect(attachedIn([...parseIpv4Routes(''), ...parseIpv6Routes('')])).toEqual({ networks: [], gateways: [] });
    expect(attachedNetworks()).toEqual({ networks: expect.any(Array), gateways: expect.any(Array) });
  });
});
