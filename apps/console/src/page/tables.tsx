import { Tabs } from '@mantine/core';
import type { Sliver } from '@planetlab/contract';
import { useEffect, useRef } from 'react';
import { LISTING_LIMIT } from '../api/read-all.ts';
import { NodesTable } from '../nodes/nodes-table.tsx';
import { SlicesTable } from '../slices/slices-table.tsx';
import { SliversTable } from '../slices/slivers-table.tsx';
import { FilterBox } from '../table/filter-box.tsx';
import { type Selection, toggledNode, VIEWS, withSlice } from './selection.ts';
import type { Planet } from './use-planet.ts';

interface TablesProps {
  readonly planet: Planet;
  /** Of the selected slice. */
  readonly slivers: readonly Sliver[];
  readonly selection: Selection;
  readonly select: (next: Selection) => void;
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly nowMs: number;
}

/** The same as the map, as tables. */
export function Tables({ planet, slivers, selection, select, filter, onFilter, nowMs }: TablesProps) {
  const filterRef = useRef<HTMLInputElement>(null);
  const { view, slice, node } = selection;
  useFocusStaysInTable(view);
  const common = { filter, nowMs };
  const selectNode = (name: string) => select(toggledNode(selection, name));
  return (
    <section className="pl-panel pl-tables" aria-label="Tables">
      <Tabs value={view} onChange={(next) => isView(next) && select({ ...selection, view: next })} keepMounted={false}>
        <div className="pl-tabs-line">
          <Tabs.List>
            <Tab value="nodes" title="Nodes" count={planet.nodes.length} />
            <Tab value="slices" title="Slices" count={planet.slices.length} />
            {slice !== null && <Tab value="slivers" title={`Slivers of ${slice}`} count={slivers.length} />}
          </Tabs.List>
          <FilterBox value={filter} onChange={onFilter} inputRef={filterRef} />
        </div>
        {planet.truncated.length > 0 && (
          <p className="pl-truncated">
            Only the first {LISTING_LIMIT} {planet.truncated.join(' and ')} are shown. The command line has them all.
          </p>
        )}
        <Tabs.Panel value="nodes">
          <NodesTable nodes={planet.nodes} selected={node} onSelect={selectNode} {...common} />
        </Tabs.Panel>
        <Tabs.Panel value="slices">
          <SlicesTable
            slices={planet.slices}
            tallies={planet.tallies}
            selected={slice}
            onSelect={(name) => select(withSlice(selection, name))}
            {...common}
          />
        </Tabs.Panel>
        <Tabs.Panel value="slivers">
          {slice !== null && (
            <SliversTable slice={slice} slivers={slivers} selected={node} onSelect={selectNode} {...common} />
          )}
        </Tabs.Panel>
      </Tabs>
    </section>
  );
}

const isView = (value: string | null): value is Selection['view'] => VIEWS.some((view) => view === value);

const Tab = ({ value, title, count }: { readonly value: string; readonly title: string; readonly count: number }) => (
  <Tabs.Tab value={value}>
    {title} <span className="pl-count">{count}</span>
  </Tabs.Tab>
);

/** Enter on a slice replaces the table that had the focus; the new table takes it, so that the keys go on working. */
function useFocusStaysInTable(view: string): void {
  const before = useRef(view);
  useEffect(() => {
    const changed = before.current !== view;
    before.current = view;
    if (!changed || (document.activeElement !== null && document.activeElement !== document.body)) return;
    document.querySelector<HTMLElement>('.pl-table tbody tr[tabindex="0"]')?.focus({ preventScroll: true });
  }, [view]);
}
