import type { WanTopology } from '../layout.ts';
import { DelayLine } from './delay-line.ts';
import { createRouter } from './routes.ts';

/** The ends of the network as the loop needs them. Nothing here waits, except `wait`, which is bounded by its argument. */
export interface WanDevices {
  /** Waits until a port has packets or the time is over. */
  wait(timeoutMs: number): void;
  /** Whether `wait` found packets at this port. */
  isReady(port: number): boolean;
  /** Bytes of the next packet of this port, put into `buffer`; 0 when there is none. */
  read(port: number, buffer: Uint8Array): number;
  /** False when the port's device cannot take it: the packet is lost, as on any network. */
  write(port: number, packet: Uint8Array): boolean;
}

/** What became of the packets. */
export interface WanCounters {
  delivered: number;
  /** No machine has that address. */
  unroutable: number;
  /** Too many under way between the two already. */
  queueFull: number;
  /** The receiving device was down or full. */
  undeliverable: number;
}

export interface ForwardOptions {
  readonly topology: WanTopology;
  readonly devices: WanDevices;
  /** Milliseconds, never running backwards, with fractions. */
  readonly nowMs: () => number;
  /** Lets the rest of the process run, signals above all. */
  readonly breathe: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** At most this many between two places: 500 Mbit/s of full packets over the longest of paths. */
const MAX_PACKETS_PER_PAIR = 8192;
/** Read from one port before the others get their turn. */
const MAX_PACKETS_PER_TURN = 64;
/** The rest of the process, and so a signal, waits at most this long. */
const MAX_BREATH_MS = 50;
/** The largest packet that IP knows. */
const MAX_PACKET_BYTES = 65_535;

/** Forwards packets between the ports, each after the latency of its path, until the signal. */
export async function forward(options: ForwardOptions): Promise<WanCounters> {
  const { topology, devices, nowMs, signal } = options;
  const counters: WanCounters = { delivered: 0, unroutable: 0, queueFull: 0, undeliverable: 0 };
  const line = new DelayLine(topology.oneWayMs, MAX_PACKETS_PER_PAIR);
  const accept = acceptPackets(topology, devices, line, counters);
  let breathedMs = nowMs();
  while (!signal.aborted) {
    const now = nowMs();
    deliver(line, devices, counters, now);
    if (now - breathedMs >= MAX_BREATH_MS) {
      await options.breathe();
      breathedMs = nowMs();
      continue;
    }
    devices.wait(Math.max(0, Math.min(line.nextDueMs, breathedMs + MAX_BREATH_MS) - now));
    const readMs = nowMs();
    for (let port = 0; port < topology.ports.length; port++) if (devices.isReady(port)) accept(port, readMs);
  }
  return counters;
}

function deliver(line: DelayLine, devices: WanDevices, counters: WanCounters, nowMs: number): void {
  for (let arrival = line.take(nowMs); arrival !== undefined; arrival = line.take(nowMs)) {
    if (devices.write(arrival.to, arrival.packet)) counters.delivered++;
    else counters.undeliverable++;
  }
}

function acceptPackets(topology: WanTopology, devices: WanDevices, line: DelayLine, counters: WanCounters) {
  const route = createRouter(topology.ports);
  const buffer = Buffer.allocUnsafe(MAX_PACKET_BYTES);
  return (port: number, nowMs: number): void => {
    for (let count = 0; count < MAX_PACKETS_PER_TURN; count++) {
      const length = devices.read(port, buffer);
      if (length === 0) return;
      const to = route(buffer.subarray(0, length));
      // What a machine sends to addresses of its own that it does not use comes here, too: it must not go round for ever.
      if (to === undefined || to === port) counters.unroutable++;
      else if (!line.offer(port, to, Buffer.from(buffer.subarray(0, length)), nowMs)) counters.queueFull++;
    }
  };
}
