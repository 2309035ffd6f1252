import type { Sliver } from '@planetlab/contract';
import { SLIVER_STATES } from '@planetlab/model';
import { useMemo } from 'react';
import { ago, inFull, timeTaken } from '../parts/ago.ts';
import { CopyLine } from '../parts/copy-line.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, DataTable } from '../table/data-table.tsx';
import { sshLine } from './ssh-line.ts';
import { isStuck, toneOfSliver } from './tally.ts';

interface SliversTableProps {
  readonly slice: string;
  readonly slivers: readonly Sliver[];
  readonly filter: string;
  readonly selected: string | null;
  readonly onSelect: (node: string) => void;
  readonly nowMs: number;
}

const FIRST_ORDER = { column: 'node', descending: false };
const nodeOf = (sliver: Sliver): string => sliver.node;
const textOf = (sliver: Sliver): string =>
  [sliver.node, sliver.state, sliver.reason?.message, sliver.reason?.code, sliver.ipv6, sliver.ipv4].join(' ');

export function SliversTable({ slice, slivers, filter, selected, onSelect, nowMs }: SliversTableProps) {
  const columns = useMemo(() => columnsAt(nowMs), [nowMs]);
  return (
    <DataTable
      caption={`Slivers of ${slice}`}
      columns={columns}
      rows={slivers}
      keyOf={nodeOf}
      textOf={textOf}
      filter={filter}
      firstOrder={FIRST_ORDER}
      selected={selected}
      onSelect={onSelect}
      empty={
        <>
          {slice} is on no node yet. Put it on some with <code>pl slice add-node {slice} NODE...</code>
        </>
      }
    />
  );
}

const columnsAt = (nowMs: number): readonly Column<Sliver>[] => [
  { key: 'node', title: 'Node', value: nodeOf, cell: nodeOf, heading: true },
  {
    key: 'state',
    title: 'State',
    value: (sliver) => sliver.state,
    cell: (sliver) => (
      <span title={SLIVER_STATES[sliver.state].meaning}>
        <StateMark tone={isStuck(sliver, nowMs) ? 'warn' : toneOfSliver(sliver.state)}>{sliver.state}</StateMark>
      </span>
    ),
  },
  {
    key: 'since',
    title: 'Since',
    value: (sliver) => Date.parse(sliver.since),
    cell: (sliver) => <span title={inFull(sliver.since)}>{ago(sliver.since, nowMs)}</span>,
  },
  {
    key: 'time',
    title: 'Time to running',
    value: (sliver) => sliver.timeToRunningMs,
    cell: (sliver) => timeTaken(sliver.timeToRunningMs),
    align: 'end',
  },
  {
    key: 'ipv6',
    title: 'IPv6',
    value: (sliver) => sliver.ipv6,
    cell: (sliver) => <code className="pl-address">{sliver.ipv6 ?? '–'}</code>,
  },
  {
    key: 'ssh',
    title: 'Log in',
    value: (sliver) => sliver.ssh?.host ?? null,
    cell: (sliver) =>
      sliver.ssh === null ? '–' : <CopyLine text={sshLine(sliver.slice, sliver.ssh)} label="Copy the ssh line" />,
  },
  {
    key: 'reason',
    title: 'Reason',
    value: (sliver) => sliver.reason?.message ?? null,
    cell: (sliver) => (
      <span className="pl-reason">
        {sliver.reason?.message ?? (isStuck(sliver, nowMs) ? `${sliver.state} for longer than usual` : '')}
      </span>
    ),
  },
];
