import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labLayout, wanTopology } from '../layout.ts';
import { createRouter } from './routes.ts';

const { ports } = wanTopology(labLayout({ name: 'lab', nodes: 20, subnet: 200 }));
const route = createRouter(ports);

function ipv4Packet(destination: string): Uint8Array {
  const packet = new Uint8Array(20);
  packet[0] = 0x45;
  packet.set(Uint8Array.from(destination.split('.'), Number), 16);
  return packet;
}

function ipv6Packet(groups: readonly string[]): Uint8Array {
  const packet = new Uint8Array(40);
  packet[0] = 0x60;
  for (const [index, group] of groups.entries()) {
    const value = Number.parseInt(group, 16);
    packet.set([value >> 8, value & 0xff], 24 + 2 * index);
  }
  return packet;
}

describe('routing on the wide-area network', () => {
  it('finds each port by its IPv4 address', () => {
    for (const [index, port] of ports.entries()) expect(route(ipv4Packet(port.ipv4))).toBe(index);
  });

  it('finds each port by any address in its IPv6 prefix', () => {
    for (const [index, port] of ports.entries()) {
      const prefix = port.ipv6Prefix.replace('::/64', '').split(':');
      expect(route(ipv6Packet([...prefix, '0', '0', '0', '1']))).toBe(index);
      expect(route(ipv6Packet([...prefix, 'ffff', '1', '2', 'abcd']))).toBe(index);
    }
  });

  it('has no way to anywhere else', () => {
    expect(route(ipv4Packet('8.8.8.8'))).toBeUndefined();
    expect(route(ipv4Packet('198.18.200.99'))).toBeUndefined();
    expect(route(ipv6Packet(['2001', 'db8', '0', '0', '0', '0', '0', '1']))).toBeUndefined();
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const index = route(bytes);
        expect(index === undefined || index < ports.length).toBe(true);
      }),
    );
  });
});
