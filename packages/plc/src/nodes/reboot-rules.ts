import { fromInstant } from '@planetlab/model';
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
  if (reboot.askedAt === null) return reboot.now || node.slivers === 0 ? 'ask' : 'wait';
  if (node.bootId !== undefined && node.bootId !== reboot.bootId) return 'done';
  return nowMs - fromInstant(reboot.askedAt) > REBOOT_MS ? 'failed' : 'wait';
}
