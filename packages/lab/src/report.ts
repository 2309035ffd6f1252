import { formatDuration } from '@planetlab/model';
import type { LabReport, NodeReport } from './types.ts';

/** Up to this many round-trip times stand in a cell one by one; of more, the shortest and the longest. */
const MOST_IN_A_CELL = 4;

/** The report as a table: its first row is the heading. */
export const reportRows = (report: LabReport): readonly (readonly string[])[] => [
  ['node', 'place', 'state', 'time to running', 'what the command said', 'round-trip times (ms)'],
  ...report.nodes.map((node) => [
    node.node,
    `${node.place.city}, ${node.place.country}`,
    node.state,
    node.timeToRunningMs === null ? '—' : formatDuration(node.timeToRunningMs),
    node.output ?? node.problems[0]?.message ?? '—',
    roundTripCell(node),
  ]),
];

/** All round-trip times: rows from, columns to; the first row is the heading. */
export function roundTripRows(report: LabReport): readonly (readonly string[])[] {
  const names = report.nodes.map((node) => node.node);
  return [
    ['ms', ...names],
    ...report.nodes.map((from) => [
      from.node,
      ...names.map((to) => (to === from.node ? '' : rounded(from.roundTripsMs[to]))),
    ]),
  ];
}

function roundTripCell({ roundTripsMs }: NodeReport): string {
  const all = Object.entries(roundTripsMs);
  if (all.length === 0) return '—';
  if (all.length <= MOST_IN_A_CELL) return all.map(([to, ms]) => `${to} ${rounded(ms)}`).join(', ');
  const answered = all.flatMap(([, ms]) => (ms === null ? [] : [ms]));
  if (answered.length === 0) return 'no answers';
  return `${rounded(Math.min(...answered))} to ${rounded(Math.max(...answered))} (${answered.length} of ${all.length})`;
}

const rounded = (ms: number | null | undefined): string =>
  ms === null || ms === undefined ? '—' : ms.toFixed(ms < 10 ? 1 : 0);

/** Whether everything worked: every sliver runs, every command did its work, every ping came back where there is IPv6. */
export const allWorked = (nodes: readonly NodeReport[]): boolean =>
  nodes.length > 0 && nodes.every((node) => node.state === 'running' && node.problems.length === 0);
