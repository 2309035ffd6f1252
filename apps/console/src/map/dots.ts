import type { PlcNode, Sliver } from '@planetlab/contract';
import type { GeoProjection } from 'd3-geo';
import { toneOfNode } from '../nodes/standing.ts';
import type { Tone } from '../parts/tone.ts';
import { toneOfSliver } from '../slices/tally.ts';
import type { Point } from './projection.ts';
import { spread } from './spread.ts';

/** A node on the map. */
export interface Dot extends Point {
  readonly name: string;
  readonly node: PlcNode;
  readonly radius: number;
}

/** The selected slice: its slivers by node. */
export interface SliceOnMap {
  readonly name: string;
  readonly slivers: ReadonlyMap<string, Sliver>;
}

/** How a dot looks: as its node is, or with a slice selected as the slice's sliver there is. */
export interface Look {
  readonly dot: Dot;
  readonly tone: Tone;
  readonly sliver: Sliver | undefined;
  /** Not what is being looked for. */
  readonly dimmed: boolean;
}

/** Dimmed ones first, so that the others lie on top of them. */
export function looksOf(
  dots: readonly Dot[],
  slice: SliceOnMap | null,
  found: ReadonlySet<string> | null,
): readonly Look[] {
  const looks = dots.map((dot): Look => {
    const sliver = slice?.slivers.get(dot.name);
    return {
      dot,
      sliver,
      tone: sliver === undefined ? toneOfNode(dot.node) : toneOfSliver(sliver.state),
      dimmed: found?.has(dot.name) === false || (slice !== null && sliver === undefined),
    };
  });
  return looks.sort((a, b) => Number(b.dimmed) - Number(a.dimmed));
}

/** More nodes, smaller dots: sizes in pixels. */
interface Scale {
  readonly smallest: number;
  readonly largest: number;
  readonly spacing: number;
  readonly reach: number;
}

export function scaleFor(count: number, width: number): Scale {
  const narrow = width < 600 ? 0.75 : 1;
  const of = (smallest: number, largest: number, spacing: number, reach: number): Scale => ({
    smallest: smallest * narrow,
    largest: largest * narrow,
    spacing: spacing * narrow,
    reach: reach * narrow,
  });
  if (count <= 60) return of(5, 11, 16, 26);
  if (count <= 250) return of(3.8, 8, 10, 22);
  return of(2.8, 5.5, 6.5, 20);
}

/** The area of a dot grows with the number of slivers. */
export const radiusFor = (slivers: number, { smallest, largest }: Scale): number =>
  Math.min(largest, smallest + 0.85 * Math.sqrt(slivers));

export function dotsOf(nodes: readonly PlcNode[], projection: GeoProjection, width: number): readonly Dot[] {
  const placed = nodes.flatMap((node) => {
    const at = node.place === null ? null : projection([node.place.longitude, node.place.latitude]);
    return at === null ? [] : [{ node, home: { x: at[0], y: at[1] } }];
  });
  const scale = scaleFor(placed.length, width);
  const points = spread(
    placed.map(({ home }) => home),
    scale.spacing,
    scale.reach,
  );
  return placed.map(({ node, home }, index) => ({
    ...(points[index] ?? home),
    name: node.name,
    node,
    radius: radiusFor(node.slivers, scale),
  }));
}
