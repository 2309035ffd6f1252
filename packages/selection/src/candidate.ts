import type { NodeName, ResourceSums } from '@planetlab/model';
import type { Attributes } from './attributes.ts';

/** A node that may be chosen, as whoever chooses knows it. */
export interface Candidate {
  readonly node: NodeName;
  readonly attributes: Attributes;
  /** Null when in service; else why not, in a sentence. */
  readonly notInService: string | null;
  /** What is not promised to anybody; null when the node has not said. */
  readonly free: ResourceSums | null;
}

/** Measured round-trip time between two nodes in milliseconds; undefined where nobody has measured. */
export type MeasuredLatency = (a: NodeName, b: NodeName) => number | undefined;
