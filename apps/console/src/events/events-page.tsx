import { Button, TextInput } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { fieldsOf } from '../session/fields.ts';
import { EVENT_FIELDS, type EventFields, eventQuery, NO_FIELDS } from './event-query.ts';
import { EventsTable } from './events-table.tsx';

const PAGE_SIZE = 200;

/** Who did what: the log of events, searched by any name in it and by time. */
export function EventsPage({ nowMs }: { readonly nowMs: number }) {
  const api = useApi();
  const [fields, setFields] = useState(NO_FIELDS);
  const events = useInfiniteQuery({
    queryKey: ['events', fields],
    queryFn: ({ pageParam, signal }) =>
      api.listEvents({ query: { ...eventQuery(fields), limit: PAGE_SIZE, after: pageParam } }, { signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next }) => next ?? undefined,
  });
  return (
    <section className="pl-panel pl-tables" aria-label="Events">
      <div className="pl-tabs-line">
        <h2 className="pl-section-title">Events</h2>
      </div>
      <SearchForm onSearch={setFields} loading={events.isFetching} />
      <Problem error={events.error} />
      {events.data !== undefined && (
        <EventsTable events={events.data.pages.flatMap(({ items }) => items)} nowMs={nowMs} />
      )}
      {events.hasNextPage && (
        <Button variant="default" onClick={() => void events.fetchNextPage()} loading={events.isFetchingNextPage}>
          Show older ones
        </Button>
      )}
    </section>
  );
}

interface SearchFormProps {
  readonly onSearch: (fields: EventFields) => void;
  readonly loading: boolean;
}

const SearchForm = ({ onSearch, loading }: SearchFormProps) => (
  <form
    className="pl-search"
    onSubmit={(event) => {
      event.preventDefault();
      onSearch(fieldsOf(event.currentTarget, ...EVENT_FIELDS));
    }}
    onReset={() => onSearch(NO_FIELDS)}
  >
    <TextInput name="person" label="Person" placeholder="ada@example.org" />
    <TextInput name="slice" label="Slice" placeholder="princeton_codeen" />
    <TextInput name="node" label="Node" placeholder="planetlab1.eth" />
    <TextInput name="address" label="Address" placeholder="192.0.2.7" />
    <TextInput name="since" label="Since" type="datetime-local" />
    <TextInput name="until" label="Until" type="datetime-local" />
    <div className="pl-search-buttons">
      <Button type="submit" loading={loading}>
        Search
      </Button>
      <Button type="reset" variant="default">
        Show all
      </Button>
    </div>
  </form>
);
