import type { SliceTag, Tags } from '@planetlab/contract';
import type { NodeName } from '@planetlab/model';

/**
 * What a sliver's tags come to (FACTS: sliver over node group over slice). Of several groups that have the same key the
 * one whose name comes first in the alphabet wins, so that the answer does not depend on the order of things.
 */
export function sliverTags(tags: readonly SliceTag[], node: NodeName, groups: readonly string[]): Tags {
  const ofSlice = tags.filter((tag) => tag.group === null && tag.node === null);
  const ofGroups = tags
    .filter((tag) => tag.group !== null && groups.includes(tag.group))
    .toSorted((a, b) => ((a.group ?? '') < (b.group ?? '') ? 1 : -1));
  const own = tags.filter((tag) => tag.node === node);
  return Object.fromEntries([...ofSlice, ...ofGroups, ...own].map(({ key, value }) => [key, value]));
}
