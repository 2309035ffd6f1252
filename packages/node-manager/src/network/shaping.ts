import type { ShapedClass, ShapingTree } from '@planetlab/linux';
import type { Egress } from '@planetlab/model';

/** Class of everything that is not a sliver's. */
export const NODE_MINOR = 1;
/** The node's own weight among ordinary slivers with 1 share (the original's). */
const NODE_SHARES = 5;
/** Part of the link guaranteed to the node itself: whatever slivers do, it stays reachable. */
const NODE_FRACTION = 0.01;
const LEAST_KBPS = 8;

/** Two full frames: a turn in which no packet fits would make weights meaningless. */
const LEAST_TURN_BYTES = 3100;
/** The largest packet of the kernel's own segmentation. */
const LARGEST_PACKET_BYTES = 65_600;
/** What a share sends in its turn: about what a flow that has the link for itself sends in one piece. */
const TURN_SECONDS = 0.001;

/** How long packets may wait in a class that sends at its highest rate. */
const QUEUE_SECONDS = 0.1;
const LEAST_QUEUE_BYTES = 2 * LARGEST_PACKET_BYTES;
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
  const turn = clamp(bytesIn(TURN_SECONDS, linkKbps), LEAST_TURN_BYTES, LARGEST_PACKET_BYTES);
  return {
    minor,
    rateKbps: Math.min(minKbps, ceilKbps),
    ceilKbps,
    quantumBytes: turn * shares,
    queueBytes: clamp(bytesIn(QUEUE_SECONDS, ceilKbps), LEAST_QUEUE_BYTES, LARGEST_QUEUE_BYTES),
  };
}

const bytesIn = (seconds: number, kbps: number): number => Math.round((kbps * 1000 * seconds) / 8);
const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
