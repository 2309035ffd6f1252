import type { Point } from './projection.ts';

export type Direction = 'ArrowUp' | 'ArrowDown' | 'ArrowLeft' | 'ArrowRight';
export const isDirection = (key: string): key is Direction => /^Arrow(Up|Down|Left|Right)$/.test(key);

const ALONG: Readonly<Record<Direction, (from: Point, to: Point) => readonly [along: number, across: number]>> = {
  ArrowRight: (from, to) => [to.x - from.x, to.y - from.y],
  ArrowLeft: (from, to) => [from.x - to.x, to.y - from.y],
  ArrowDown: (from, to) => [to.y - from.y, to.x - from.x],
  ArrowUp: (from, to) => [from.y - to.y, to.x - from.x],
};

/** The dot that an arrow key leads to: the nearest ahead, where straying sideways counts double. */
export function nextInDirection<T extends Point>(dots: readonly T[], from: T, direction: Direction): T | undefined {
  let best: T | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const dot of dots) {
    const [along, across] = ALONG[direction](from, dot);
    const cost = along + 2 * Math.abs(across);
    if (dot === from || along <= 0 || cost >= bestCost) continue;
    best = dot;
    bestCost = cost;
  }
  return best;
}
