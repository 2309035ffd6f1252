import { type Resources, resourcesText } from '@planetlab/model';

const MOST_KEPT = 10_000;
const keptTexts = new Map<string, string>();
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

/** The same of what each row of the database brings anew, though many say it: a slice's name, a state, a hash. */
export function sharedText<T extends string | null>(text: T): T {
  if (text === null) return text;
  const known = keptTexts.get(text);
  if (known !== undefined) return known as T; // it is the same text
  if (keptTexts.size >= MOST_KEPT) keptTexts.clear();
  keptTexts.set(text, text);
  return text;
}
