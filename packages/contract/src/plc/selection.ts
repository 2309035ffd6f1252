import { Instant, NodeName, SelectionRequest, SelectionSeed, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { DeadlineSeconds, Operation } from './operation-types.ts';
import { Sliver } from './types.ts';

/** Why a node was or was not taken: a stable code and a sentence. */
export const NodeChoice = z.object({ node: NodeName, taken: z.boolean(), code: z.string(), sentence: z.string() });
export type NodeChoice = z.infer<typeof NodeChoice>;

export const NodeSelection = z.object({
  /** In the order in which they were taken; none when fewer than `min` match. */
  chosen: z.array(NodeName),
  satisfied: z.boolean(),
  summary: z.string(),
  /** With it, the same nodes and the same request, the choice comes out the same. */
  seed: SelectionSeed,
  /** One line for each node, by name. */
  explanation: z.array(NodeChoice),
});
export type NodeSelection = z.infer<typeof NodeSelection>;

const seed = SelectionSeed.optional();

/** With `slice`: the nodes it is on are reused, and its resources needed. */
export const SelectNodes = SelectionRequest.extend({ seed, slice: SliceName.optional() });

/** With `keep`: the slice keeps the request, to be placed elsewhere by it when a node leaves. */
export const SelectSlivers = SelectionRequest.extend({
  seed,
  keep: z.boolean().default(false),
  deadlineSeconds: DeadlineSeconds.default(600),
});

export const PlacedSelection = z.object({ selection: NodeSelection, operation: Operation, items: z.array(Sliver) });

/** The request that a slice has kept. */
export const SliceSelector = z.object({ slice: SliceName, request: SelectionRequest, keptAt: Instant });
export type SliceSelector = z.infer<typeof SliceSelector>;
