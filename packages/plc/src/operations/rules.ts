import type { Operation, Reason } from '@planetlab/contract';
import {
  OPERATION_ITEM_STATES,
  type OperationItemState,
  type OperationState,
  SECOND_MS,
  SLIVER_STATES,
  type SliverState,
} from '@planetlab/model';

/**
 * A node dials again within 15 seconds, and a PLC that was just started waits as long for it. Only after this is
 * "not connected" an answer; before it is a moment between two connections.
 */
export const UNREACHABLE_AFTER_MS = 20 * SECOND_MS;

/** What an item is judged by. */
export interface ItemFacts {
  readonly goal: 'running' | 'gone' | 'none';
  /** The row of its sliver; undefined when there is none any more. */
  readonly sliver:
    | { readonly state: SliverState; readonly wanted: boolean; readonly reason: Reason | null }
    | undefined;
  /** Of what this authority itself has decided: whether it is still to be done. */
  readonly pending?: boolean;
  /** How long its node has not been connected; 0 when it is. Infinity when it never joined. */
  readonly disconnectedMs: number;
}

export interface Answer {
  readonly state: Extract<OperationItemState, 'waiting' | 'done' | 'failed'>;
  readonly reason: Reason | null;
}

const WAITING: Answer = { state: 'waiting', reason: null };
const DONE: Answer = { state: 'done', reason: null };
const failed = (code: string, message: string): Answer => ({ state: 'failed', reason: { code, message } });

/** How far an item is, from what is known of its sliver and node now. */
export function answerOf({ goal, sliver, disconnectedMs, pending = false }: ItemFacts): Answer {
  if (goal === 'none') return pending ? WAITING : DONE;
  if (goal === 'gone') return sliver === undefined ? DONE : disconnectedMs < UNREACHABLE_AFTER_MS ? WAITING : CUT_OFF;
  if (sliver?.wanted !== true) return failed('unknown_sliver', 'It was taken off its node meanwhile.');
  if (disconnectedMs >= UNREACHABLE_AFTER_MS) return UNREACHABLE;
  if (disconnectedMs > 0) return WAITING;
  if (sliver.state === 'running') return DONE;
  if (SLIVER_STATES[sliver.state].kind === 'transient') return { state: 'waiting', reason: sliver.reason };
  const reason = sliver.reason ?? {
    code: 'step_failed',
    message: `The sliver is ${sliver.state}; its node did not say why.`,
  };
  return { state: 'failed', reason };
}

const UNREACHABLE = failed(
  'node_unreachable',
  'Its node is not connected. The sliver stays wanted and is made as soon as the node is back.',
);
const CUT_OFF = failed(
  'node_unreachable',
  'Its node is not connected. It ends the sliver by itself when its lease ends, or as soon as it is back.',
);

export const TIMED_OUT: Reason = {
  code: 'timed_out',
  message: 'There was no answer by the deadline of the operation. What is wanted stays so and goes on by itself.',
};

export type Counts = Operation['counts'];

/** Counts with every state in them. */
export const countsOf = (states: Iterable<readonly [OperationItemState, number]>): Counts => {
  const zero = Object.keys(OPERATION_ITEM_STATES).map((state) => [state, 0]);
  return Object.fromEntries([...zero, ...states]) as Counts; // every state is among them
};

/** The state of an operation with these items; `running` until each has an answer. */
export function stateOf(counts: Counts): OperationState {
  if (counts.waiting > 0) return 'running';
  if (counts.canceled > 0) return 'canceled';
  const others = counts.failed + counts.timed_out;
  if (others === 0) return 'succeeded';
  return counts.done > 0 ? 'partial' : 'failed';
}
