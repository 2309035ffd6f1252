import { Instant, Principal } from '@planetlab/model';
import { z } from 'zod';

/** Why people decide something; shown to all whom it concerns. */
export const DecisionReason = z.string().trim().min(1).max(300);

/** Something decided that holds until it is taken back: why, since when, by whom. */
export const Decision = z.object({ reason: z.string(), at: Instant, by: Principal });
export type Decision = z.infer<typeof Decision>;

/**
 * A reboot that was asked for: at once (`now`) or when the node is empty, and at `dueAt` whatever is on it. `askedAt`: when
 * the node was told; null before.
 */
export const Reboot = Decision.extend({
  now: z.boolean(),
  dueAt: Instant.nullable().default(null),
  askedAt: Instant.nullable(),
});
export type Reboot = z.infer<typeof Reboot>;

/** A slice is suspended for as long as there is one of these; each cause is lifted by itself. */
export const SuspensionCause = z.enum(['people', 'escalation', 'kill-switch']);
export type SuspensionCause = z.infer<typeof SuspensionCause>;
export const Suspension = Decision.extend({ cause: SuspensionCause });
export type Suspension = z.infer<typeof Suspension>;
