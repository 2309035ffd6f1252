import { describe, expect, it } from 'vitest';
import {
  createRoutedVeth,
  deleteLink,
  guestEnd,
  hasLink,
  hostEnd,
  listLinks,
  parseDefaultRoute,
  parseLinkTable,
} from './links.ts';

const VETH = {
  pid: 42,
  hostName: 'pl0',
  guestIpv4: '10.1.0.2',
  guestIpv6: 'fd00::2',
  hostIpv4Gateway: '169.254.1.1',
  hostIpv6Gateway: 'fe80::1',
};

const subjects = (requests: readonly { readonly subject: string }[]) => requests.map(({ subject }) => subject);

describe('a routed veth', () => {
  it('is addressed, brought up and routed on the host', () => {
    expect(subjects(hostEnd(VETH, 7))).toEqual([
      'address generation of link 7',
      'address 169.254.1.1 on link 7',
      'address fe80::1 on link 7',
      'link 7 up',
      'route to 10.1.0.2 on link 7',
      'neighbour 10.1.0.2 on link 7',
      'route to fd00::2 on link 7',
      'neighbour fd00::2 on link 7',
    ]);
  });

  it('gives the machine single addresses and a gateway that is on no network of its own', () => {
    expect(subjects(guestEnd(VETH, 2))).toEqual([
      'link 1 up',
      'link 2 up',
      'address 10.1.0.2 on link 2',
      'neighbour 169.254.1.1 on link 2',
      'default route via 169.254.1.1 on link 2',
      'address fd00::2 on link 2',
      'neighbour fe80::1 on link 2',
      'default route via fe80::1 on link 2',
    ]);
  });

  it('can do without one of the two protocols', () => {
    const { guestIpv6: _, ...onlyIpv4 } = VETH;
    expect(subjects(guestEnd(onlyIpv4, 2)).join()).not.toContain('fe80');
    expect(subjects(hostEnd(onlyIpv4, 7)).join()).not.toContain('fd00');
  });

  it.each(['', 'a b', 'x\nlink delete eth0', '-x', 'a/b', 'sixteen-letters-'])(
    'refuses %j as a name',
    async (hostName) => {
      await expect(createRoutedVeth({ ...VETH, hostName })).rejects.toThrow(RangeError);
      await expect(deleteLink(hostName)).rejects.toThrow(RangeError);
    },
  );
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
    expect([hasLink('lo'), hasLink('nosuchlink')]).toEqual([true, false]);
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
