import { distanceKm, type Place } from '@planetlab/model';

/**
 * The shortest set of lines that joins all places (a minimum spanning tree, by Prim): it shows what belongs together
 * without a thicket. The lines are not routes.
 */
export function joiningLines(places: readonly Place[]): readonly (readonly [Place, Place])[] {
  const [first, ...rest] = places;
  if (first === undefined) return [];
  const lines: [Place, Place][] = [];
  let open = rest.map((place) => ({ place, nearest: first, km: distanceKm(place, first) }));
  while (open.length > 0) {
    const next = open.reduce((a, b) => (b.km < a.km ? b : a));
    if (next.km > 0) lines.push([next.nearest, next.place]);
    open = open
      .filter((entry) => entry !== next)
      .map((entry) => {
        const km = distanceKm(entry.place, next.place);
        return km < entry.km ? { place: entry.place, nearest: next.place, km } : entry;
      });
  }
  return lines;
}
