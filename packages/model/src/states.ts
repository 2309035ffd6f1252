import { z } from 'zod';

/** What kind of state it is: a *transient* one ends by itself and counts as stuck after a while. */
export interface StateKind {
  readonly kind: 'persistent' | 'transient' | 'terminal';
  /** Only for transient states: after this many seconds in it, something is wrong. */
  readonly stuckAfterSeconds?: number;
  readonly meaning: string;
}

/** States of a sliver, as its node or (first two, and refused) the PLC reports them. */
export const SLIVER_STATES = {
  requested: { kind: 'transient', stuckAfterSeconds: 60, meaning: 'wanted; its node has not answered yet' },
  unreachable: { kind: 'persistent', meaning: 'its node is not connected; it is asked as soon as it is' },
  refused: { kind: 'persistent', meaning: 'its node refused; the reason says why' },
  starting: { kind: 'transient', stuckAfterSeconds: 60, meaning: 'leased; the node is making it' },
  running: { kind: 'persistent', meaning: 'running with its network' },
  stopped: { kind: 'persistent', meaning: 'kept stopped by the administrator of its node; the reason says so' },
  stopping: { kind: 'transient', stuckAfterSeconds: 60, meaning: 'being stopped and removed' },
  failed: { kind: 'persistent', meaning: 'a step failed; the node tries again with growing pauses' },
  gone: { kind: 'terminal', meaning: 'removed, or its lease ended' },
} as const satisfies Record<string, StateKind>;
export type SliverState = keyof typeof SLIVER_STATES;
export const SliverState = z.enum(Object.keys(SLIVER_STATES) as [SliverState, ...SliverState[]]);

/** Run level of a node (FACTS, N13). */
export const RunLevel = z.enum(['boot', 'safeboot', 'reinstall', 'disabled', 'failboot']);
export type RunLevel = z.infer<typeof RunLevel>;

/** Whether a node is in service, as the PLC sees it. */
export const NODE_STATES = {
  registered: { kind: 'persistent', meaning: 'known to the authority; has not joined yet' },
  connected: { kind: 'persistent', meaning: 'its uplink is open' },
  disconnected: { kind: 'persistent', meaning: 'joined, but its uplink is closed' },
} as const satisfies Record<string, StateKind>;
export type NodeState = keyof typeof NODE_STATES;
export const NodeState = z.enum(Object.keys(NODE_STATES) as [NodeState, ...NodeState[]]);

/** Roles of a person at a site; `admin` holds for the whole authority (FACTS). */
export const Role = z.enum(['admin', 'pi', 'user', 'tech']);
export type Role = z.infer<typeof Role>;
