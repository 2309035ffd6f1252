import type { EscalationPolicy } from '@planetlab/contract';
import { DAY_MS, type NodeName } from '@planetlab/model';

/** How far the escalation for a dead node has gone: nobody, its techs, its PIs too, everyone of its site. */
export type EscalationLevel = 0 | 1 | 2 | 3;

/** The level that is due for a node which was last seen so long ago. */
export function levelDue(policy: EscalationPolicy, deadMs: number): EscalationLevel {
  if (!policy.enabled) return 0;
  const days = deadMs / DAY_MS;
  if (days >= policy.everyoneAfterDays) return 3;
  if (days >= policy.piAfterDays) return 2;
  return days >= policy.techAfterDays ? 1 : 0;
}

/** A node of a site as the escalation looks at it. */
export interface WatchedNode {
  readonly name: NodeName;
  readonly level: EscalationLevel;
  readonly connected: boolean;
}

/** What a site has to put up with for its dead nodes. */
export interface Sanctions {
  readonly closed: boolean;
  readonly suspended: boolean;
  /** The nodes that it is for. */
  readonly nodes: readonly NodeName[];
}

/** A site with enough nodes in service is written to, and nothing more: others can use its nodes. */
export function sanctionsOf(policy: EscalationPolicy, nodes: readonly WatchedNode[]): Sanctions {
  const up = nodes.filter(({ connected }) => connected).length;
  const spared = !policy.enabled || up >= policy.spareWithNodesUp;
  const dead = spared ? [] : nodes.filter(({ level }) => level >= 2);
  return {
    closed: dead.length > 0,
    suspended: dead.some(({ level }) => level === 3),
    nodes: dead.map(({ name }) => name),
  };
}
