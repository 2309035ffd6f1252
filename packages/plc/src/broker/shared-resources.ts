import { type Resources, resourcesText } from '@planetlab/model';

const MOST_KEPT = 10_000;
const kept = new Map<string, Resources>();

/**
 * One object for all resources that say the same: of a hundred thousand slivers most have those of a few slices, and what
 * is one object need not be compared.
 */
export function shared(resources: Resources): Resources {
  const text = resourcesText(resources);
  const known = kept.get(text);
  if (known !== undefined) return known;
  if (kept.size >= MOST_KEPT) kept.clear();
  kept.set(text, resources);
  return resources;
}
