import { describe, expect, it } from 'vitest';
import { parsePing } from './ping.ts';

const IPUTILS = `PING fd70:6c61:1:12::2(fd70:6c61:1:12::2) 56 data bytes
64 bytes from fd70:6c61:1:12::2: icmp_seq=1 ttl=62 time=98.5 ms

--- fd70:6c61:1:12::2 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 403ms
rtt min/avg/max/mdev = 98.098/98.252/98.681/0.223 ms
`;

describe('reading what ping said', () => {
  it('takes the shortest round trip', () => {
    expect(parsePing(IPUTILS)).toBe(98.098);
  });

  it('understands the BSD and busybox form', () => {
    expect(parsePing('round-trip min/avg/max = 12.5/13/14 ms\n')).toBe(12.5);
  });

  it('has no number when nothing came back', () => {
    expect(parsePing('3 packets transmitted, 0 received, 100% packet loss, time 2051ms\n')).toBeNull();
  });
});
