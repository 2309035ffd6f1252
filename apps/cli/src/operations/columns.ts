import type { Operation, OperationItem } from '@planetlab/contract';
import type { Column } from '../output/printer.ts';
import { reasonLine } from '../output/reasons.ts';
import { operationItemState, operationState } from '../output/states.ts';
import { orDash, relativeTime } from '../output/times.ts';

/** `3 of 5`. */
export function doneOf({ counts }: Operation): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return `${counts.done} of ${all}`;
}

export const OPERATION_COLUMNS: readonly Column<Operation>[] = [
  { head: 'ID', cell: (operation) => operation.id },
  { head: 'WHAT', cell: (operation) => operation.kind },
  { head: 'OF', cell: (operation) => operation.subject },
  { head: 'STATE', cell: (operation, view) => operationState(operation.state, view.symbols) },
  { head: 'DONE', cell: doneOf },
  { head: 'BEGAN', cell: (operation, view) => relativeTime(operation.createdAt, view.nowMs) },
  { head: 'BY', cell: (operation) => operation.actor },
];

export const ITEM_COLUMNS: readonly Column<OperationItem>[] = [
  { head: 'ITEM', cell: (item) => item.subject },
  { head: 'STATE', cell: (item, view) => operationItemState(item.state, view.symbols) },
  { head: 'SINCE', cell: (item, view) => relativeTime(item.since, view.nowMs) },
  { head: 'REASON', cell: (item) => orDash(reasonLine(item.reason)) },
];
