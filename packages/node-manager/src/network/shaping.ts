import type { ShapedClass, ShapingTree } from '@planetlab/linux';
import type { Egress } from '@planetlab/model';

/** Class of everything that is not a sliver's. */
export const NODE_MINOR = 1;
/** The node's own weight among ordinary slivers with 1 share (the original's). */
const NODE_SHARES = 5;
/** Part of the link guaranteed to the node itself: whatever slivers do, it stays reachable. */
const NODE_FRACTION = 0.01;
const LEAST_KBPS = 8;

/** Two full frames: what a share sends in its turn where packets are taken apart to frames. */
const FRAMES_BYTES = 3100;
/** The largest packet that the kernel joins from several. */
const LARGEST_PACKET_BYTES = 65_600;
/** From this rate on the largest packet passes within a millisecond, and taking packets apart would cost more than it gives. */
const FAST_KBPS = 500_000;

/** How long packets may wait in a class that sends at its highest rate. */
const QUEUE_SECONDS = 0.1;
const LEAST_QUEUE_BYTES = LARGEST_PACKET_BYTES;
const LARGEST_QUEUE_BYTES = 8 * 1024 * 1024;

export function nodeShaping(device: string, egressKbps: number): { tree: ShapingTree; node: ShapedClass } {
  const rateKbps = Math.max(LEAST_KBPS, Math.round(egressKbps * NODE_FRACTION));
  return {
    tree: { device, rateKbps: egressKbps, defaultMinor: NODE_MINOR },
    node: shapedClass(NODE_MINOR, { minKbps: rateKbps, maxKbps: egressKbps, shares: NODE_SHARES }, egressKbps),
  };
}

/** The class of a sliver: what it asked for, on a link of this rate. */
export function shapedClass(
  minor: number,
  { minKbps, maxKbps, shares }: Pick<Egress, 'minKbps' | 'maxKbps' | 'shares'>,
  linkKbps: number,
): ShapedClass {
  const ceilKbps = Math.min(maxKbps, linkKbps);
  const fast = linkKbps >= FAST_KBPS;
  return {
    minor,
    rateKbps: Math.min(minKbps, ceilKbps),
    ceilKbps,
    quantumBytes: (fast ? LARGEST_PACKET_BYTES : FRAMES_BYTES) * shares,
    queueBytes: clamp(bytesIn(QUEUE_SECONDS, ceilKbps), LEAST_QUEUE_BYTES, LARGEST_QUEUE_BYTES),
    segmentBytes: fast ? null : FRAMES_BYTES,
  };
}

const bytesIn = (seconds: number, kbps: number): number => Math.round((kbps * 1000 * seconds) / 8);
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
