import type { PlcNode, Slice, Sliver } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useApi } from '../api/api.ts';
import { nodesQuery, slicesQuery, sliversQuery } from '../api/queries.ts';
import type { Listing } from '../api/read-all.ts';
import { withPlace } from '../nodes/standing.ts';
import { type Tally, tallyOf } from '../slices/tally.ts';

/** All that the page shows, as last read. */
export interface Planet {
  readonly nodes: readonly PlcNode[];
  readonly slices: readonly Slice[];
  readonly slivers: readonly Sliver[];
  readonly tallies: ReadonlyMap<string, Tally>;
  /** Names of lists of which only the beginning is shown. */
  readonly truncated: readonly string[];
}

export interface PlanetReading {
  /** Undefined until everything has been read once. */
  readonly planet: Planet | undefined;
  readonly error: unknown;
  readonly updatedAtMs: number;
  readonly retry: () => void;
}

const NOTHING: Listing<never> = { items: [], truncated: false };

export function usePlanet(pollMs: number): PlanetReading {
  const api = useApi();
  const nodes = useQuery({ ...nodesQuery(api), refetchInterval: pollMs });
  const slices = useQuery({ ...slicesQuery(api), refetchInterval: pollMs });
  const slivers = useQuery({ ...sliversQuery(api), refetchInterval: pollMs });
  const all = [nodes, slices, slivers];
  const ready = all.every(({ data }) => data !== undefined);
  const planet = useMemo(
    () => planetOf(nodes.data ?? NOTHING, slices.data ?? NOTHING, slivers.data ?? NOTHING),
    [nodes.data, slices.data, slivers.data],
  );
  return {
    planet: ready ? planet : undefined,
    error: all.find(({ error }) => error !== null)?.error ?? null,
    updatedAtMs: Math.min(...all.map(({ dataUpdatedAt }) => dataUpdatedAt)),
    retry: () => {
      for (const query of all) void query.refetch();
    },
  };
}

function planetOf(nodes: Listing<PlcNode>, slices: Listing<Slice>, slivers: Listing<Sliver>): Planet {
  const bySlice = Map.groupBy(slivers.items, ({ slice }) => slice);
  return {
    nodes: nodes.items.map(withPlace),
    slices: slices.items,
    slivers: slivers.items,
    // With a part of the slivers, a slice's own numbers are better than a tally of them.
    tallies: slivers.truncated ? new Map() : new Map([...bySlice].map(([slice, group]) => [slice, tallyOf(group)])),
    truncated: Object.entries({ nodes, slices, slivers }).flatMap(([name, { truncated }]) => (truncated ? [name] : [])),
  };
}

/** Slivers of one slice or node: from all of them, or asked for when not all of them are here. */
export function useSliversOf(planet: Planet | undefined, of: { readonly slice?: string; readonly node?: string }) {
  const api = useApi();
  const wanted = of.slice !== undefined || of.node !== undefined;
  const partial = planet?.truncated.includes('slivers') === true;
  const own = useQuery({ ...sliversQuery(api, of), enabled: wanted && partial });
  const { slice, node } = of;
  return useMemo(() => {
    if (slice === undefined && node === undefined) return [];
    if (partial && own.data !== undefined) return own.data.items;
    return (planet?.slivers ?? []).filter(
      (sliver) => (slice === undefined || sliver.slice === slice) && (node === undefined || sliver.node === node),
    );
  }, [planet, partial, own.data, slice, node]);
}
