import type { Reason } from '@planetlab/contract';
import { type NodeName, type NodeState, SECOND_MS } from '@planetlab/model';

/** How often a PLC process says that it is alive, and after how long the others take it for dead. */
export const PROCESS_HEARTBEAT_MS = 5 * SECOND_MS;
export const PROCESS_DEAD_AFTER_MS = 15 * SECOND_MS;

/** What is known of a node's connection. */
export interface Liveness {
  readonly name: NodeName;
  readonly joinedAt: Date | null;
  readonly lastSeenAt: Date | null;
  readonly connected: boolean;
  /** What was wrong when the PLC last spoke to it. */
  readonly trouble: Reason | null;
}

/** Whether a node is in service and, if not, why, in a sentence that says what to do (N12). */
export function nodeStateOf(node: Liveness): { state: NodeState; reason: Reason | null } {
  if (node.joinedAt === null) {
    const message = `It has not joined yet. Make an invitation with "pl node invite ${node.name}" and type on the machine: sudo pl node join`;
    return { state: 'registered', reason: { code: 'node_not_joined', message } };
  }
  if (node.connected) return { state: 'connected', reason: node.trouble };
  const since =
    node.lastSeenAt === null
      ? 'It joined, but has not connected since'
      : `It has been disconnected since ${node.lastSeenAt.toISOString()}`;
  const message = `${since}. Check that the machine is up, that its network reaches this authority, and that its node manager runs.`;
  return { state: 'disconnected', reason: { code: 'node_unreachable', message } };
}
