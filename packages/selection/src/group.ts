import type { SpreadBy } from '@planetlab/model';
import type { AllAttributes } from './attributes.ts';

/** The group a node is in, when nodes are spread over groups; null when that is not known. */
export function groupOf(attributes: AllAttributes, by: Exclude<SpreadBy, 'latency'>): string | null {
  if (by === 'as') return attributes.asn === null ? null : `AS${attributes.asn}`;
  return attributes[by];
}
