import { describe, expect, it } from 'vitest';
import { guestBatch, hostBatch, listLinks, parseDefaultRoute, parseLinkTable } from './links.ts';

const VETH = {
  pid: 42,
  hostName: 'pl0',
  guestIpv4: '10.1.0.2',
  guestIpv6: 'fd00::2',
  hostIpv4Gateway: '169.254.1.1',
  hostIpv6Gateway: 'fe80::1',
};

describe('a routed veth', () => {
  it('is made, addressed, brought up and routed on the host in one batch', () => {
    expect(hostBatch(VETH, false)).toBe(`link add name pl0 type veth peer name eth0 netns 42
link set dev pl0 addrgenmode none
address add 169.254.1.1/32 dev pl0 scope link
address add fe80::1/64 dev pl0 nodad
link set dev pl0 up
route add 10.1.0.2/32 dev pl0
route add fd00::2/128 dev pl0
`);
  });

  it('replaces one that is there', () => {
    expect(hostBatch(VETH, true).split('\n')[0]).toBe('link delete pl0');
  });

  it('gives the machine single addresses and a gateway that is on no network of its own', () => {
    expect(guestBatch(VETH)).toBe(`link set dev lo up
link set dev eth0 up
address add 10.1.0.2/32 dev eth0
route add default via 169.254.1.1 dev eth0 onlink
address add fd00::2/128 dev eth0 nodad
route add ::/0 via fe80::1 dev eth0 onlink
`);
  });

  it('can do without one of the two protocols', () => {
    const { guestIpv6: _, ...onlyIpv4 } = VETH;
    expect(guestBatch(onlyIpv4)).not.toContain('fe80');
    expect(hostBatch(onlyIpv4, false)).not.toContain('/128');
  });

  it.each(['', 'a b', 'x\nlink delete eth0', '-x', 'sixteen-letters-'])('refuses %j as a name', (hostName) => {
    expect(() => hostBatch({ ...VETH, hostName }, false)).toThrow(RangeError);
  });
});

describe('the list of links', () => {
  it('is read from the table of the kernel', () => {
    const table = `Inter-|   Receive
 face |bytes
    lo:  100 1 0
eth0:12345 1 0
`;
    expect(parseLinkTable(table)).toEqual(['lo', 'eth0']);
    expect(parseLinkTable('')).toEqual([]);
    expect(listLinks()).toContain('lo');
  });
});

describe('the way out', () => {
  const heading = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n';
  const line = (device: string, destination: string, metric: number, mask: string) =>
    `${device}\t${destination}\t0164A8C0\t0003\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;

  it('is the default route with the lowest metric', () => {
    const text = `${heading}${line('wlan0', '00000000', 600, '00000000')}${line('eth0', '00000000', 100, '00000000')}${line('eth1', '0000A8C0', 0, '0000FFFF')}`;
    expect(parseDefaultRoute(text)).toBe('eth0');
  });

  it('may not be there', () => {
    expect(parseDefaultRoute(`${heading}${line('eth1', '0000A8C0', 0, '0000FFFF')}`)).toBeUndefined();
  });
});
