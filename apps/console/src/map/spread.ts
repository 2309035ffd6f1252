import type { Point } from './projection.ts';

const GOLDEN_ANGLE = Math.PI * (3 - Math.sqrt(5));
const ROUNDS = 24;

/**
 * Moves points that lie on or near one another apart, to `spacing` where there is room, but none further from home than
 * `reach`: a crowded region stays a crowd in its place. The same input gives the same picture.
 */
export function spread(homes: readonly Point[], spacing: number, reach: number): readonly Point[] {
  const points = startingPoints(homes, spacing);
  for (let round = 0; round < ROUNDS; round += 1) {
    if (!pushApart(points, spacing)) break;
    for (const [index, point] of points.entries()) pullBack(point, homes[index] ?? point, reach);
  }
  return points;
}

/** Nodes at the very same place start on a sunflower around it: from one point there is no direction to be pushed in. */
function startingPoints(homes: readonly Point[], spacing: number): { x: number; y: number }[] {
  const seen = new Map<string, number>();
  return homes.map(({ x, y }) => {
    const key = `${x.toFixed(1)} ${y.toFixed(1)}`;
    const rank = seen.get(key) ?? 0;
    seen.set(key, rank + 1);
    const distance = rank === 0 ? 0 : spacing * 0.6 * Math.sqrt(rank);
    return { x: x + distance * Math.cos(rank * GOLDEN_ANGLE), y: y + distance * Math.sin(rank * GOLDEN_ANGLE) };
  });
}

function pushApart(points: { x: number; y: number }[], spacing: number): boolean {
  const order = points.map((_, index) => index).sort((a, b) => (points[a]?.x ?? 0) - (points[b]?.x ?? 0));
  let moved = false;
  for (let i = 0; i < order.length; i += 1) {
    const a = points[order[i] ?? 0];
    for (let j = i + 1; a !== undefined && j < order.length; j += 1) {
      const b = points[order[j] ?? 0];
      if (b === undefined || b.x - a.x > spacing) break;
      const distance = Math.hypot(b.x - a.x, b.y - a.y);
      if (distance >= spacing - 0.1 || distance === 0) continue;
      const push = (spacing - distance) / 2 / distance;
      const [dx, dy] = [(b.x - a.x) * push, (b.y - a.y) * push];
      a.x -= dx;
      a.y -= dy;
      b.x += dx;
      b.y += dy;
      moved = true;
    }
  }
  return moved;
}

function pullBack(point: { x: number; y: number }, home: Point, reach: number): void {
  const distance = Math.hypot(point.x - home.x, point.y - home.y);
  if (distance <= reach) return;
  point.x = home.x + ((point.x - home.x) * reach) / distance;
  point.y = home.y + ((point.y - home.y) * reach) / distance;
}
