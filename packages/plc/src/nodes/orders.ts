import type { Decision, Reason } from '@planetlab/contract';
import { formatTime, RUN_LEVELS, type RunLevel, type SliversAt } from '@planetlab/model';

/** What people have decided about a node. */
export interface NodeDecisions {
  readonly runLevel: RunLevel;
  readonly runLevelDecision: Decision | null;
  readonly drain: Decision | null;
  readonly quarantine: Decision | null;
}

/** What follows for its slivers. */
export interface NodeOrders {
  readonly slivers: SliversAt;
  /** Why no new ones are made; null when they are. */
  readonly closed: Reason | null;
}

/**
 * What the decisions about a node come to. The gravest counts: a run level that ends slivers, quarantine, a run level
 * that stops them, drain.
 */
export function ordersOf(node: NodeDecisions): NodeOrders {
  const atLevel = RUN_LEVELS[node.runLevel].slivers;
  if (atLevel === 'end') return { slivers: 'end', closed: runLevelReason(node) };
  if (node.quarantine !== null) return { slivers: 'stop', closed: quarantineReason(node.quarantine) };
  if (atLevel === 'stop') return { slivers: 'stop', closed: runLevelReason(node) };
  return { slivers: 'run', closed: node.drain === null ? null : drainReason(node.drain) };
}

const runLevelReason = ({ runLevel, runLevelDecision }: NodeDecisions): Reason => ({
  code: 'node_run_level',
  message: `The node is at run level ${runLevel}: ${RUN_LEVELS[runLevel].meaning}${because(runLevelDecision)}.`,
});

const quarantineReason = (quarantine: Decision): Reason => ({
  code: 'node_quarantined',
  message: `The node is in quarantine since ${formatTime(quarantine.at)}${because(quarantine)}: its slivers are stopped and keep their disks.`,
});

const drainReason = (drain: Decision): Reason => ({
  code: 'node_draining',
  message: `The node takes no new slivers since ${formatTime(drain.at)}${because(drain)}: it is to run empty.`,
});

const because = (decision: Decision | null): string => (decision === null ? '' : ` (${decision.reason})`);
