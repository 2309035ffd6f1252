import type { NodeState, OperationItemState, OperationState, SliverState } from '@planetlab/model';
import type { Color } from './paint.ts';
import type { Cell } from './table.ts';

interface Look {
  readonly symbol: string;
  readonly color: Color;
}

const SLIVER_LOOKS: Readonly<Record<SliverState, Look>> = {
  requested: { symbol: '◌', color: 'yellow' },
  starting: { symbol: '◐', color: 'yellow' },
  running: { symbol: '●', color: 'green' },
  stopped: { symbol: '■', color: 'red' },
  stopping: { symbol: '◑', color: 'yellow' },
  unreachable: { symbol: '○', color: 'red' },
  refused: { symbol: '✕', color: 'red' },
  failed: { symbol: '✕', color: 'red' },
  gone: { symbol: '·', color: 'dim' },
};

const NODE_LOOKS: Readonly<Record<NodeState, Look>> = {
  registered: { symbol: '◌', color: 'dim' },
  connected: { symbol: '●', color: 'green' },
  disconnected: { symbol: '○', color: 'red' },
};

const OPERATION_LOOKS: Readonly<Record<OperationState | OperationItemState, Look>> = {
  running: { symbol: '◐', color: 'yellow' },
  waiting: { symbol: '◌', color: 'yellow' },
  succeeded: { symbol: '●', color: 'green' },
  done: { symbol: '●', color: 'green' },
  partial: { symbol: '◑', color: 'red' },
  failed: { symbol: '✕', color: 'red' },
  timed_out: { symbol: '✕', color: 'red' },
  canceled: { symbol: '·', color: 'dim' },
};

/** A state in words and colour; with its symbol on a terminal, so that it does not hang on colour alone. */
export const sliverState = (state: SliverState, symbols: boolean): Cell => cell(state, SLIVER_LOOKS[state], symbols);
export const nodeState = (state: NodeState, symbols: boolean): Cell => cell(state, NODE_LOOKS[state], symbols);

export const operationState = (state: OperationState, symbols: boolean): Cell =>
  cell(state, OPERATION_LOOKS[state], symbols);
export const operationItemState = (state: OperationItemState, symbols: boolean): Cell =>
  cell(state, OPERATION_LOOKS[state], symbols);

const cell = (state: string, look: Look, symbols: boolean): Cell => ({
  text: symbols ? `${look.symbol} ${state}` : state,
  color: look.color,
});
