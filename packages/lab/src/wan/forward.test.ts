import { describe, expect, it } from 'vitest';
import { labLayout, wanTopology } from '../layout.ts';
import { forward, type WanDevices } from './forward.ts';

const topology = wanTopology(labLayout({ name: 'lab', nodes: 2, subnet: 3 }));
const HUB = 2;

function packetTo(address: string, label = 0): Uint8Array {
  const packet = new Uint8Array(21);
  packet[0] = 0x45;
  packet.set(Uint8Array.from(address.split('.'), Number), 16);
  packet[20] = label;
  return packet;
}

/** A network whose time passes only while the loop waits or breathes. */
function simulate(departures: readonly { atMs: number; from: number; packet: Uint8Array }[], untilMs: number) {
  let clockMs = 0;
  let breaths = 0;
  const waiting = [...departures].sort((a, b) => a.atMs - b.atMs);
  const arrivals: { atMs: number; to: number; label: number | undefined }[] = [];
  const stop = new AbortController();
  const present = (port: number) => waiting.findIndex((packet) => packet.from === port && packet.atMs <= clockMs);
  const pass = (ms: number) => {
    clockMs += ms;
    if (clockMs >= untilMs) stop.abort();
  };
  const devices: WanDevices = {
    wait: (timeoutMs) => {
      const next = waiting[0]?.atMs ?? Number.POSITIVE_INFINITY;
      pass(Math.min(timeoutMs, Math.max(0, next - clockMs)));
    },
    isReady: (port) => present(port) >= 0,
    read: (port, buffer) => {
      const index = present(port);
      const [found] = index < 0 ? [] : waiting.splice(index, 1);
      if (found === undefined) return 0;
      buffer.set(found.packet);
      return found.packet.length;
    },
    write: (to, packet) => {
      arrivals.push({ atMs: clockMs, to, label: packet[20] });
      return to !== HUB;
    },
  };
  const breathe = async (): Promise<void> => {
    breaths++;
  };
  const counters = forward({ topology, devices, nowMs: () => clockMs, breathe, signal: stop.signal });
  return counters.then((result) => ({ counters: result, arrivals, breaths }));
}

describe('the wide-area network', () => {
  it('brings each packet to the machine with its address after the latency of the path', async () => {
    const { arrivals, counters } = await simulate(
      [
        { atMs: 5, from: 0, packet: packetTo('198.18.3.11', 1) },
        { atMs: 5, from: 0, packet: packetTo('198.18.3.11', 2) },
        { atMs: 6, from: 1, packet: packetTo('198.18.3.10', 3) },
      ],
      1000,
    );
    const oneWayMs = topology.oneWayMs[0]?.[1] ?? Number.NaN;
    expect(arrivals.map(({ to, label }) => [to, label])).toEqual([
      [1, 1],
      [1, 2],
      [0, 3],
    ]);
    expect(arrivals[0]?.atMs).toBeCloseTo(5 + oneWayMs);
    expect(arrivals[2]?.atMs).toBeCloseTo(6 + oneWayMs);
    expect(counters).toEqual({ delivered: 3, unroutable: 0, queueFull: 0, undeliverable: 0 });
  });

  it('counts what it cannot carry: no such address, own address, a device that is down', async () => {
    const { counters } = await simulate(
      [
        { atMs: 1, from: 0, packet: packetTo('192.0.2.1') },
        { atMs: 1, from: 0, packet: packetTo('198.18.3.10') },
        { atMs: 1, from: 0, packet: packetTo('198.18.3.1') },
      ],
      100,
    );
    expect(counters).toEqual({ delivered: 0, unroutable: 2, queueFull: 0, undeliverable: 1 });
  });

  it('drops what exceeds the queue of a path and nothing of the others', async () => {
    const flood = Array.from({ length: 9000 }, () => ({ atMs: 1, from: 0, packet: packetTo('198.18.3.11') }));
    const { counters } = await simulate([...flood, { atMs: 1, from: 1, packet: packetTo('198.18.3.10') }], 1000);
    expect(counters).toEqual({ delivered: 8193, unroutable: 0, queueFull: 808, undeliverable: 0 });
  });

  it('lets the rest of the process run every 50 ms, whether idle or busy', async () => {
    const steady = Array.from({ length: 1000 }, (_, atMs) => ({ atMs, from: 0, packet: packetTo('198.18.3.11') }));
    expect((await simulate([], 1000)).breaths).toBeGreaterThanOrEqual(19);
    expect((await simulate(steady, 1000)).breaths).toBeGreaterThanOrEqual(19);
  });
});
