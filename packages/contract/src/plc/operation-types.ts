import {
  Instant,
  OperationItemState as ItemState,
  NodeName,
  type OperationItemState,
  OperationState,
  Principal,
  SliceName,
} from '@planetlab/model';
import { z } from 'zod';
import { Reason } from '../node/types.ts';

/** One sliver, slice or person that an operation is about. */
export const OperationItem = z.object({
  /** `slice@node` of a sliver; else the name of the thing. Unique within the operation. */
  subject: z.string(),
  slice: SliceName.nullable(),
  node: NodeName.nullable(),
  state: ItemState,
  /** Why it is not done, in a sentence; null while there is nothing to say. */
  reason: Reason.nullable(),
  /** When it came into this state. */
  since: Instant,
});
export type OperationItem = z.infer<typeof OperationItem>;

const counts = Object.fromEntries(ItemState.options.map((state) => [state, z.number().int()]));

/**
 * Work on many things at once (MISSION, principle 6: partial success, a deadline, and a reason for each failure).
 * It only watches: what is wanted was written with it, and comes about whether or not anybody waits for it.
 */
export const Operation = z.object({
  id: z.uuid(),
  /** `thing.verb`, for example `slivers.add`. */
  kind: z.string(),
  /** What it was asked of, for example the slice. */
  subject: z.string(),
  actor: Principal,
  state: OperationState,
  createdAt: Instant,
  /** Whatever has no answer by then is `timed_out`, and the operation ends. */
  deadlineAt: Instant,
  endedAt: Instant.nullable(),
  /** How many items are in each state. */
  counts: z.object(counts as Record<OperationItemState, z.ZodInt>),
  /** Grows with each change: what `after` and `Last-Event-ID` of a watch mean. */
  version: z.number().int(),
});
export type Operation = z.infer<typeof Operation>;

/** How far an operation is: it, and those of its items that changed since the event before. */
export const OperationProgress = z.object({ operation: Operation, items: z.array(OperationItem) });
export type OperationProgress = z.infer<typeof OperationProgress>;

/** How long a person is ready to wait. */
export const DeadlineSeconds = z.number().int().min(1).max(86_400);
