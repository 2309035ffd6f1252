import { useElementSize } from '@mantine/hooks';
import type { PlcNode } from '@planetlab/contract';
import { type GeoProjection, geoPath } from 'd3-geo';
import { type KeyboardEvent, useMemo, useState } from 'react';
import { joiningLines } from './arcs.ts';
import { Backdrop } from './backdrop.tsx';
import { type Dot, dotsOf, type Look, looksOf, type SliceOnMap } from './dots.ts';
import { placeLabels } from './labels.ts';
import { Legend } from './legend.tsx';
import { isDirection, nextInDirection } from './navigate.ts';
import { NodeCard } from './node-card.tsx';
import { NodeDot } from './node-dot.tsx';
import { type Size, viewFor } from './projection.ts';

interface PlanetMapProps {
  readonly nodes: readonly PlcNode[];
  /** Null when none is selected. */
  readonly slice: SliceOnMap | null;
  /** Nodes that the filter lets through; null when there is no filter. */
  readonly found: ReadonlySet<string> | null;
  readonly selected: string | null;
  readonly onSelect: (name: string) => void;
  readonly nowMs: number;
}

/** Beyond this many, names and rings would only be in one another's way. */
const FEW = 60;

export function PlanetMap({ nodes, slice, found, selected, onSelect, nowMs }: PlanetMapProps) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const latitudes = nodes.map(({ place }) => place?.latitude ?? 0);
  const southernmost = Math.min(0, ...latitudes);
  const northernmost = Math.max(0, ...latitudes);
  const { projection, size } = useMemo(
    () => viewFor(width, { southernmost, northernmost }),
    [width, southernmost, northernmost],
  );
  const { height } = size;
  const dots = useMemo(() => dotsOf(nodes, projection, width), [nodes, projection, width]);
  const looks = useMemo(() => looksOf(dots, slice, found), [dots, slice, found]);
  const [pointed, setPointed] = useState<string | null>(null);
  const [active, setActive] = useState<string | null>(null);
  const carded = looks.find(({ dot }) => dot.name === pointed);
  const isFew = dots.length <= FEW;
  const tabStop = dots.find(({ name }) => name === (active ?? selected))?.name ?? dots[0]?.name;
  return (
    <figure className="pl-map" ref={ref} aria-label="Map of nodes">
      {width > 0 && (
        <div className="pl-layers" style={{ height }}>
          <svg width={width} height={height} aria-hidden="true">
            <Backdrop projection={projection} />
            <Arcs nodes={nodes} slice={slice} projection={projection} />
          </svg>
          {/* biome-ignore lint/a11y/useSemanticElements: an SVG cannot be a <fieldset> */}
          <svg
            width={width}
            height={height}
            role="group"
            aria-label={`${dots.length} nodes on the map; arrow keys go from one to the next`}
            onKeyDown={(event) => {
              if (event.key === 'Escape') setPointed(null);
              walkDots(event, dots);
            }}
          >
            {looks.map((look) => (
              <NodeDot
                key={look.dot.name}
                look={look}
                selected={look.dot.name === selected}
                ringed={isFew && look.sliver !== undefined}
                tabStop={look.dot.name === tabStop}
                onSelect={onSelect}
                onPoint={setPointed}
                onFocus={setActive}
              />
            ))}
          </svg>
          {isFew && (
            <svg width={width} height={height} aria-hidden="true" className="pl-labels-layer">
              <Labels looks={looks} selected={selected} size={size} />
            </svg>
          )}
        </div>
      )}
      {carded !== undefined && <NodeCard look={carded} size={size} nowMs={nowMs} />}
      <Legend nodes={nodes} slice={slice} />
    </figure>
  );
}

interface ArcsProps {
  readonly nodes: readonly PlcNode[];
  readonly slice: SliceOnMap | null;
  readonly projection: GeoProjection;
}

function Arcs({ nodes, slice, projection }: ArcsProps) {
  const path = geoPath(projection).digits(1);
  const lines = useMemo(() => {
    const places = nodes.flatMap((node) => (slice?.slivers.has(node.name) && node.place !== null ? [node.place] : []));
    return joiningLines(places);
  }, [nodes, slice]);
  return (
    <g className="pl-arcs">
      {lines.map(([a, b]) => (
        <path
          key={`${a.longitude} ${a.latitude} ${b.longitude} ${b.latitude}`}
          d={
            path({
              type: 'LineString',
              coordinates: [
                [a.longitude, a.latitude],
                [b.longitude, b.latitude],
              ],
            }) ?? ''
          }
        />
      ))}
    </g>
  );
}

interface LabelsProps {
  readonly looks: readonly Look[];
  readonly selected: string | null;
  readonly size: Size;
}

/** Room for the ring around dots that have one. */
const RING = 4;

function Labels({ looks, selected, size }: LabelsProps) {
  const obstacles = looks.filter(({ dimmed }) => dimmed).map(({ dot }) => dot);
  const shown = looks.flatMap(({ dot, dimmed, sliver }) => {
    const ringed = sliver !== undefined || dot.name === selected;
    return dimmed ? [] : [{ ...dot, radius: dot.radius + (ringed ? RING : 0) }];
  });
  return (
    <g className="pl-labels">
      {placeLabels(shown, obstacles, size).map(({ name, x, y, anchor }) => (
        <text key={name} x={x} y={y} textAnchor={anchor} dominantBaseline="central">
          {name}
        </text>
      ))}
    </g>
  );
}

function walkDots(event: KeyboardEvent<SVGSVGElement>, dots: readonly Dot[]): void {
  if (!isDirection(event.key) || !(event.target instanceof Element)) return;
  const name = event.target.getAttribute('data-node');
  const from = dots.find((dot) => dot.name === name);
  if (from === undefined) return;
  event.preventDefault();
  const next = nextInDirection(dots, from, event.key);
  if (next === undefined) return;
  event.currentTarget.querySelector<SVGGElement>(`[data-node="${CSS.escape(next.name)}"]`)?.focus();
}
