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
  stopped: { kind: 'persistent', meaning: 'kept stopped, with its disk; the reason says by whom and why' },
  stopping: { kind: 'transient', stuckAfterSeconds: 60, meaning: 'being stopped and removed' },
  failed: { kind: 'persistent', meaning: 'a step failed; the node tries again with growing pauses' },
  gone: { kind: 'terminal', meaning: 'removed, or its lease ended' },
} as const satisfies Record<string, StateKind>;
export type SliverState = keyof typeof SLIVER_STATES;
export const SliverState = z.enum(Object.keys(SLIVER_STATES) as [SliverState, ...SliverState[]]);

/** What becomes of the slivers of a node: they run; they are stopped and keep their disks; they end, disks and all. */
export type SliversAt = 'run' | 'stop' | 'end';

/** Run levels of a node (FACTS, N13). Only at `boot` new slivers are made. */
export const RUN_LEVELS = {
  boot: { slivers: 'run', meaning: 'in service' },
  safeboot: { slivers: 'stop', meaning: 'up for its technicians alone' },
  reinstall: { slivers: 'end', meaning: 'to be set up anew; once its machine has joined again it is at boot' },
  disabled: { slivers: 'stop', meaning: 'taken out of service by its people' },
  failboot: { slivers: 'stop', meaning: 'it did not come up as it should, and waits for a technician' },
} as const satisfies Record<string, { readonly slivers: SliversAt; readonly meaning: string }>;
export type RunLevel = keyof typeof RUN_LEVELS;
export const RunLevel = z.enum(Object.keys(RUN_LEVELS) as [RunLevel, ...RunLevel[]]);

/** Whether a node is in service, as the PLC sees it. */
export const NODE_STATES = {
  registered: { kind: 'persistent', meaning: 'known to the authority; has not joined yet' },
  connected: { kind: 'persistent', meaning: 'its uplink is open' },
  disconnected: { kind: 'persistent', meaning: 'joined, but its uplink is closed' },
} as const satisfies Record<string, StateKind>;
export type NodeState = keyof typeof NODE_STATES;
export const NodeState = z.enum(Object.keys(NODE_STATES) as [NodeState, ...NodeState[]]);

/** States of one item of an operation. Only a `waiting` one may still change into another, and a `failed` one into `done`. */
export const OPERATION_ITEM_STATES = {
  waiting: { kind: 'transient', meaning: 'on its way; until the deadline of the operation at most' },
  done: { kind: 'terminal', meaning: 'as it was wanted' },
  failed: { kind: 'persistent', meaning: 'not done; the reason says why. It is tried again as long as it is wanted' },
  timed_out: { kind: 'terminal', meaning: 'had no answer by the deadline; it goes on by itself' },
  canceled: { kind: 'terminal', meaning: 'taken back before it was done' },
} as const satisfies Record<string, StateKind>;
export type OperationItemState = keyof typeof OPERATION_ITEM_STATES;
export const OperationItemState = z.enum(
  Object.keys(OPERATION_ITEM_STATES) as [OperationItemState, ...OperationItemState[]],
);

/** States of an operation over many things. */
export const OPERATION_STATES = {
  running: { kind: 'transient', meaning: 'some item has no answer yet; ends at its deadline at the latest' },
  succeeded: { kind: 'terminal', meaning: 'every item is done' },
  partial: { kind: 'terminal', meaning: 'some items are done, others are not' },
  failed: { kind: 'terminal', meaning: 'no item is done' },
  canceled: { kind: 'terminal', meaning: 'ended by a person before all items had an answer' },
} as const satisfies Record<string, StateKind>;
export type OperationState = keyof typeof OPERATION_STATES;
export const OperationState = z.enum(Object.keys(OPERATION_STATES) as [OperationState, ...OperationState[]]);

/** Roles of a person at a site; `admin` holds for the whole authority (FACTS). */
export const Role = z.enum(['admin', 'pi', 'user', 'tech']);
export type Role = z.infer<typeof Role>;
