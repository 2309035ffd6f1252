import type { PlcNode, Slice, Sliver } from '@planetlab/contract';
import { DAY_MS } from '@planetlab/model';
import { standingOf } from '../nodes/standing.ts';
import { NO_TALLY, type Tally, tallyOf, toneOfSliver, totalOf } from '../slices/tally.ts';

export interface Figures {
  readonly nodes: { readonly inService: number; readonly all: number; readonly notJoined: number };
  readonly slices: { readonly all: number; readonly expireSoon: number; readonly suspended: number };
  readonly slivers: { readonly running: number; readonly all: number; readonly tally: Tally };
  readonly refused: number;
  readonly failed: number;
}

/** The authority warns of an end five days before; so do we. */
const EXPIRE_SOON_MS = 5 * DAY_MS;

export function figuresOf(
  nodes: readonly PlcNode[],
  slices: readonly Slice[],
  slivers: readonly Sliver[],
  nowMs: number,
): Figures {
  const present = slivers.filter((sliver) => toneOfSliver(sliver.state) !== 'off');
  const tally = present.length === 0 ? NO_TALLY : tallyOf(present);
  return {
    nodes: {
      inService: nodes.filter((node) => standingOf(node) === 'in_service').length,
      all: nodes.length,
      notJoined: nodes.filter((node) => standingOf(node) === 'registered').length,
    },
    slices: {
      all: slices.length,
      expireSoon: slices.filter((slice) => Date.parse(slice.expiresAt) - nowMs < EXPIRE_SOON_MS).length,
      suspended: slices.filter(({ suspensions }) => suspensions.length > 0).length,
    },
    slivers: { running: tally.good, all: totalOf(tally), tally },
    refused: present.filter((sliver) => sliver.state === 'refused').length,
    failed: present.filter((sliver) => sliver.state === 'failed').length,
  };
}
