import type { Slice } from '@planetlab/contract';
import { DAY_MS } from '@planetlab/model';
import { useMemo } from 'react';
import { expiresIn, inFull } from '../parts/ago.ts';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, DataTable } from '../table/data-table.tsx';
import { StateBar } from './state-bar.tsx';
import { type Tally, tallyOfCounts } from './tally.ts';

interface SlicesTableProps {
  readonly slices: readonly Slice[];
  readonly tallies: ReadonlyMap<string, Tally>;
  readonly filter: string;
  readonly selected: string | null;
  readonly onSelect: (name: string) => void;
  readonly nowMs: number;
}

const FIRST_ORDER = { column: 'name', descending: false };
const SOON_MS = 5 * DAY_MS;
const nameOf = (slice: Slice): string => slice.name;
const textOf = (slice: Slice): string =>
  [slice.name, slice.description, ...slice.persons, ...slice.suspensions.map(() => 'suspended')].join(' ');

export function SlicesTable({ slices, tallies, filter, selected, onSelect, nowMs }: SlicesTableProps) {
  const columns = useMemo(() => columnsAt(tallies, nowMs), [tallies, nowMs]);
  return (
    <DataTable
      caption="Slices"
      columns={columns}
      rows={slices}
      keyOf={nameOf}
      textOf={textOf}
      filter={filter}
      firstOrder={FIRST_ORDER}
      selected={selected}
      onSelect={onSelect}
      empty={
        <>
          No slices yet. Create one with <code>pl slice create SITE_NAME</code>, then put it on nodes with{' '}
          <code>pl slice add-node SITE_NAME NODE...</code>
        </>
      }
    />
  );
}

const columnsAt = (tallies: ReadonlyMap<string, Tally>, nowMs: number): readonly Column<Slice>[] => [
  { key: 'name', title: 'Slice', value: nameOf, cell: nameOf, heading: true },
  {
    key: 'description',
    title: 'Description',
    value: (slice) => slice.description || null,
    cell: (slice) => (
      <>
        {slice.suspensions.length > 0 && <StateMark tone="warn">suspended</StateMark>}{' '}
        <span className="pl-description">{slice.description || '–'}</span>
      </>
    ),
  },
  {
    key: 'expires',
    title: 'Expires',
    value: (slice) => Date.parse(slice.expiresAt),
    cell: (slice) => (
      <span
        title={inFull(slice.expiresAt)}
        className={Date.parse(slice.expiresAt) - nowMs < SOON_MS ? 'pl-soon' : undefined}
      >
        {expiresIn(slice.expiresAt, nowMs)}
      </span>
    ),
  },
  {
    key: 'persons',
    title: 'People',
    value: (slice) => slice.persons.length,
    cell: (slice) => <span title={slice.persons.join('\n')}>{slice.persons.length}</span>,
    align: 'end',
  },
  {
    key: 'slivers',
    title: 'Slivers running',
    value: (slice) => slice.running,
    cell: (slice) => (
      <span className="pl-meter-line">
        <StateBar tally={tallies.get(slice.name) ?? tallyOfCounts(slice.slivers, slice.running)} />
        <span className="pl-number">
          {slice.running} of {slice.slivers}
        </span>
      </span>
    ),
  },
];
