/** The two ways of spreading. Both take from lists in the order of preference and are deterministic. */

/**
 * Takes `count` so that the groups' counts are as even as they can be: each next one from the group that has the fewest
 * so far. `already` counts what was taken before.
 */
export function takeEvenly<T>(
  items: readonly T[],
  count: number,
  groupOf: (item: T) => string,
  already: readonly T[],
): T[] {
  const taken = new Map<string, number>();
  for (const item of already) taken.set(groupOf(item), (taken.get(groupOf(item)) ?? 0) + 1);
  const order = new Map(items.map((item, index) => [item, index]));
  // The n-th of a group has the level n, counted from what the group has already: lower levels are taken first.
  const levels = items.map((item) => {
    const group = groupOf(item);
    const level = taken.get(group) ?? 0;
    taken.set(group, level + 1);
    return { item, level };
  });
  const byLevel = levels.toSorted((a, b) => a.level - b.level || (order.get(a.item) ?? 0) - (order.get(b.item) ?? 0));
  return byLevel.slice(0, count).map(({ item }) => item);
}

/**
 * Takes `count`, each next one as far as possible from all that were taken. The least distance between two of them is at
 * least half of the best there is, when distances obey the triangle inequality (A. Tamir, "Obnoxious facility location
 * on graphs", 1991).
 */
export function takeFarApart<T>(
  items: readonly T[],
  count: number,
  distance: (a: T, b: T) => number,
  already: readonly T[],
): T[] {
  const nearest = items.map((item) =>
    already.reduce((least, other) => Math.min(least, distance(item, other)), Infinity),
  );
  const left = new Set(items.keys());
  const chosen: T[] = [];
  while (chosen.length < count && left.size > 0) {
    let best = -1;
    for (const index of left) if (best === -1 || (nearest[index] ?? 0) > (nearest[best] ?? 0)) best = index;
    const item = items[best];
    left.delete(best);
    if (item === undefined) break;
    chosen.push(item);
    for (const index of left) {
      const other = items[index];
      if (other !== undefined) nearest[index] = Math.min(nearest[index] ?? Infinity, distance(item, other));
    }
  }
  return chosen;
}
