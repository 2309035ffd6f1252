import type { SliceTag, Tags } from '@planetlab/contract';

/** A tag of a slice, with the node that it is for by its name or its id. */
export interface ScopedTag<Node> extends Pick<SliceTag, 'key' | 'value' | 'group'> {
  readonly node: Node | null;
}

/**
 * What a sliver's tags come to (FACTS: sliver over node group over slice). Of several groups that have the same key the
 * one whose name comes first in the alphabet wins, so that the answer does not depend on the order of things. Of more
 * than `most` those that come last in this are left out.
 */
export function sliverTags<Node>(
  tags: readonly ScopedTag<Node>[],
  node: Node,
  groups: readonly string[],
  most = Number.POSITIVE_INFINITY,
): Tags {
  const own = tags.filter((tag) => tag.node === node);
  const ofGroups = tags
    .filter((tag) => tag.group !== null && groups.includes(tag.group))
    .toSorted((a, b) => ((a.group ?? '') < (b.group ?? '') ? -1 : 1));
  const ofSlice = tags.filter((tag) => tag.group === null && tag.node === null);
  const found = new Map<string, string>();
  for (const { key, value } of [...own, ...ofGroups, ...ofSlice])
    if (!found.has(key) && found.size < most) found.set(key, value);
  return Object.fromEntries(found);
}
