import type { Sliver } from '@planetlab/contract';
import { formatDuration, type SliverName, sliverName } from '@planetlab/model';
import type { Column } from '../output/printer.ts';
import { reasonLine } from '../output/reasons.ts';
import { sliverState } from '../output/states.ts';
import { orDash, relativeTime } from '../output/times.ts';

const node: Column<Sliver> = { head: 'NODE', cell: (sliver) => sliver.node };
const state: Column<Sliver> = { head: 'STATE', cell: (sliver, view) => sliverState(sliver.state, view.symbols) };
/** The IPv6 address where there is one: the private IPv4 is the same on every node. */
const address: Column<Sliver> = { head: 'ADDRESS', cell: (sliver) => orDash(sliver.ipv6 ?? sliver.ipv4) };
const reason: Column<Sliver> = { head: 'REASON', cell: (sliver) => orDash(reasonLine(sliver.reason)) };

export const timeToRunning = (sliver: Sliver): string =>
  sliver.timeToRunningMs === null ? '-' : formatDuration(sliver.timeToRunningMs);

/** Slivers wherever they are. */
export const SLIVER_COLUMNS: readonly Column<Sliver>[] = [
  { head: 'SLIVER', cell: (sliver): SliverName => sliverName(sliver.slice, sliver.node) },
  state,
  { head: 'SINCE', cell: (sliver, view) => relativeTime(sliver.since, view.nowMs) },
  address,
  reason,
];

/** Slivers of one slice that were just asked for. */
export const ARRIVAL_COLUMNS: readonly Column<Sliver>[] = [
  node,
  state,
  { head: 'TIME TO RUNNING', cell: timeToRunning },
  address,
  reason,
];
