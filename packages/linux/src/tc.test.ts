import { describe, expect, it } from 'vitest';
import { classLines, classRemoval, parseClassCounters, parseHasTree, treeCreation, treeRate } from './tc.ts';

const TREE = { device: 'eth0', rateKbps: 10_000, defaultMinor: 1 };

describe('the shaping of a device', () => {
  it('is a root with the rate of the link', () => {
    expect(treeCreation(TREE)).toBe('qdisc replace dev eth0 root handle 1: htb default 1');
    expect(treeRate(TREE)).toBe(
      'class replace dev eth0 parent 1: classid 1:ffff htb rate 10000kbit ceil 10000kbit quantum 65600',
    );
  });

  it('has a class with a bounded queue for each party', () => {
    const shaped = {
      minor: 42,
      rateKbps: 8,
      ceilKbps: 2000,
      quantumBytes: 3100,
      queueBytes: 131_072,
      segmentBytes: null,
    };
    expect(classLines('eth0', shaped)).toEqual([
      'class replace dev eth0 parent 1:ffff classid 1:2a htb rate 8kbit ceil 2000kbit quantum 3100',
      'qdisc replace dev eth0 parent 1:2a handle 2b: bfifo limit 131072',
    ]);
    expect(classLines('eth0', { ...shaped, segmentBytes: 3100 }).at(-1)).toBe(
      'qdisc replace dev eth0 parent 1:2a handle 2b: tbf rate 100gbit burst 3100 limit 131072',
    );
    expect(classRemoval('eth0', 42)).toBe('class delete dev eth0 classid 1:2a');
  });

  it('refuses names that would be other words', () => {
    expect(() => classRemoval('eth0 root', 2)).toThrow(RangeError);
  });

  it('is known by its root', () => {
    const text = 'qdisc htb 1: root refcnt 2 r2q 10 default 0x1 direct_packets_stat 0 direct_qlen 500\n';
    expect(parseHasTree(text, 1)).toBe(true);
    expect(parseHasTree(text, 2)).toBe(false);
    expect(parseHasTree('qdisc noqueue 0: root refcnt 2\n', 1)).toBe(false);
    expect(parseHasTree('', 1)).toBe(false);
  });

  it('counts what each class has sent', () => {
    const text = `class htb 1:ffff root rate 10Mbit ceil 10Mbit burst 1600b cburst 1600b 
 Sent 70 bytes 2 pkt (dropped 0, overlimits 0 requeues 0) 
 backlog 0b 0p requeues 0
 lended: 0 borrowed: 0 giants: 0
 tokens: 25000000 ctokens: 20000

class htb 1:101 parent 1:ffff leaf 101: prio 0 rate 8Kbit ceil 10Mbit burst 1600b cburst 1600b 
 Sent 5000000000 bytes 1234 pkt (dropped 5, overlimits 6 requeues 7) 
 backlog 0b 0p requeues 0
 lended: 0 borrowed: 0 giants: 0
 tokens: 25000000 ctokens: 20000
`;
    expect([...parseClassCounters(text)]).toEqual([
      [257, { sentBytes: 5_000_000_000, sentPackets: 1234, droppedPackets: 5, throttled: 6 }],
    ]);
  });
});
