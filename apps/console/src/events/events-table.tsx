import type { PlcEvent } from '@planetlab/contract';
import { useState } from 'react';
import { ago, inFull } from '../parts/ago.ts';
import { type Column, DataTable } from '../table/data-table.tsx';

const columnsAt = (nowMs: number): readonly Column<PlcEvent>[] => [
  {
    key: 'at',
    title: 'When',
    value: ({ id }) => id,
    cell: ({ at }) => <span title={inFull(at)}>{ago(at, nowMs)}</span>,
  },
  { key: 'actor', title: 'Who', value: ({ actor }) => actor, cell: ({ actor }) => actor },
  { key: 'kind', title: 'What', value: ({ kind }) => kind, cell: ({ kind }) => kind },
  { key: 'subject', title: 'To what', heading: true, value: ({ subject }) => subject, cell: ({ subject }) => subject },
];

interface EventsTableProps {
  readonly events: readonly PlcEvent[];
  readonly nowMs: number;
}

export function EventsTable({ events, nowMs }: EventsTableProps) {
  const [selected, setSelected] = useState<string | null>(null);
  const event = events.find(({ id }) => String(id) === selected);
  return (
    <>
      <DataTable
        caption="Events"
        columns={columnsAt(nowMs)}
        rows={events}
        keyOf={({ id }) => String(id)}
        textOf={({ kind }) => kind}
        filter=""
        firstOrder={{ column: 'at', descending: true }}
        selected={selected}
        onSelect={(id) => setSelected(id === selected ? null : id)}
        empty="Nothing that you may see has happened so."
      />
      {event !== undefined && <Detail event={event} />}
    </>
  );
}

const Detail = ({ event }: { readonly event: PlcEvent }) => (
  <section className="pl-event" aria-label="Event">
    <h3>
      {event.kind} {event.subject}, {inFull(event.at)}
    </h3>
    <pre>{JSON.stringify({ before: event.before, after: event.after }, null, 2)}</pre>
  </section>
);
