import type { Person, PlcNode, Sliver } from '@planetlab/contract';
import { useCallback, useMemo, useRef, useState } from 'react';
import { Announcer } from '../live/announcer.tsx';
import type { SliceOnMap } from '../map/dots.ts';
import { PlanetMap } from '../map/planet-map.tsx';
import { textOfNode } from '../nodes/nodes-table.tsx';
import { type Matter, mattersOf } from '../overview/attention.ts';
import { figuresOf } from '../overview/figures.ts';
import { FiguresRow } from '../overview/figures-row.tsx';
import { matches } from '../table/filter.ts';
import { Details } from './details.tsx';
import { cleared, toggledNode, withSlice } from './selection.ts';
import { SimulatedBanner } from './simulated-banner.tsx';
import { Tables } from './tables.tsx';
import { useEscape } from './use-escape.ts';
import { type Planet, useSliversOf } from './use-planet.ts';
import { useSelection } from './use-selection.ts';

interface OverviewProps {
  readonly person: Person;
  readonly planet: Planet;
  readonly nowMs: number;
}

/** Figures, map, details and tables, all of the same selection. */
export function Overview({ person, planet, nowMs }: OverviewProps) {
  const [selection, select] = useSelection();
  const [filter, setFilter] = useState('');
  const detailsRef = useRef<HTMLElement>(null);
  useEscape(() => select(cleared(selection)));
  const slivers = useSliversOf(planet, selection.slice === null ? {} : { slice: selection.slice });
  const slice = useMemo(() => sliceOnMap(selection.slice, slivers), [selection.slice, slivers]);
  const nodesFilter = selection.view === 'nodes' ? filter : '';
  const found = useMemo(() => foundNodes(planet.nodes, nodesFilter), [planet.nodes, nodesFilter]);
  const selectNode = useCallback((node: string) => select(toggledNode(selection, node)), [selection, select]);
  const figures = useMemo(() => figuresOf(planet.nodes, planet.slices, planet.slivers, nowMs), [planet, nowMs]);
  const matters = useMemo(() => mattersOf(planet.nodes, planet.slivers, nowMs), [planet, nowMs]);
  const lookAt = ({ slice, nodes }: Matter) =>
    select(
      slice === null
        ? { ...selection, view: 'nodes', node: nodes[0] ?? null }
        : { ...withSlice(selection, slice), node: null },
    );
  const showMatters = () => {
    select({ ...selection, slice: null, node: null, view: selection.view === 'slivers' ? 'slices' : selection.view });
    requestAnimationFrame(() => detailsRef.current?.focus());
  };
  return (
    <>
      <SimulatedBanner nodes={planet.nodes} />
      <FiguresRow figures={figures} matters={matters} onRefused={showMatters} />
      <div className="pl-columns">
        <section className="pl-panel pl-map-panel" aria-label="The planet">
          <PlanetMap
            nodes={planet.nodes}
            slice={slice}
            found={found}
            selected={selection.node}
            onSelect={selectNode}
            nowMs={nowMs}
          />
        </section>
        <section className="pl-panel pl-details" aria-label="Details" ref={detailsRef} tabIndex={-1}>
          <Details
            person={person}
            planet={planet}
            matters={matters}
            selection={selection}
            select={select}
            onMatter={lookAt}
            nowMs={nowMs}
          />
        </section>
      </div>
      <Tables
        planet={planet}
        slivers={slivers}
        selection={selection}
        select={select}
        filter={filter}
        onFilter={setFilter}
        nowMs={nowMs}
      />
      <Announcer nodes={planet.nodes} slivers={planet.slivers} />
    </>
  );
}

const sliceOnMap = (name: string | null, slivers: readonly Sliver[]): SliceOnMap | null =>
  name === null ? null : { name, slivers: new Map(slivers.map((sliver) => [sliver.node, sliver])) };

/** The map dims what the filter of the table leaves out. */
const foundNodes = (nodes: readonly PlcNode[], filter: string): ReadonlySet<string> | null =>
  filter === ''
    ? null
    : new Set(nodes.filter((node) => matches(filter, textOfNode(node))).map(({ name }): string => name));
