import { DAY_MS, formatTime, fromInstant, type Instant, toInstant } from '@planetlab/model';
import type { StoredReboot } from '../store/schema.ts';
import { REBOOT_MS } from './liveness.ts';

/** What a reboot that was asked for is judged by. */
export interface RebootFacts {
  readonly connected: boolean;
  /** Slivers that are there, those included that are to leave. */
  readonly slivers: number;
  /** As the node last said. */
  readonly bootId: string | undefined;
}

/** `ask`: tell the node. `done`: it has come back. `failed`: it is there and has not rebooted. */
export type RebootStep = 'wait' | 'ask' | 'done' | 'failed';

export function rebootStep(reboot: StoredReboot, node: RebootFacts, nowMs: number): RebootStep {
  if (!node.connected) return 'wait';
  if (reboot.askedAt === null) return node.slivers === 0 || nowMs >= dueMs(reboot) ? 'ask' : 'wait';
  if (node.bootId !== undefined && node.bootId !== reboot.bootId) return 'done';
  return nowMs - fromInstant(reboot.askedAt) > REBOOT_MS ? 'failed' : 'wait';
}

/** When a node is told whatever is on it. One that was asked for by an earlier version has a day. */
function dueMs({ now, at, dueAt }: StoredReboot): number {
  if (now) return 0;
  return dueAt == null ? fromInstant(at) + DAY_MS : fromInstant(dueAt);
}

/** When that is for a reboot that is asked for now; null for one at once. */
export const dueAfter = (atMs: number, now: boolean, withinSeconds: number): Instant | null =>
  now ? null : toInstant(atMs + withinSeconds * 1000);

/** What people read of a node that is drained for its reboot. */
export const drainedBecause = (reason: string, dueAt: Instant): string =>
  `to be rebooted when it is empty, at ${formatTime(dueAt)} at the latest: ${reason}`;
