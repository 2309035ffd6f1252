/** A list read to its end, or to the bound: `truncated` says that there is more than is shown. */
export interface Listing<T> {
  readonly items: readonly T[];
  readonly truncated: boolean;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/** More than this the page would not show usefully; the filter and the command line are for more. */
export const LISTING_LIMIT = 5000;

/** Follows the cursor of a paged list until its end or until `limit` items. */
export async function readAll<T>(
  readPage: (after: string | undefined) => Promise<Page<T>>,
  limit = LISTING_LIMIT,
): Promise<Listing<T>> {
  const items: T[] = [];
  let after: string | undefined;
  for (;;) {
    const { items: more, next } = await readPage(after);
    items.push(...more);
    if (next === null) return { items: items.slice(0, limit), truncated: items.length > limit };
    if (items.length >= limit) return { items: items.slice(0, limit), truncated: true };
    // A cursor that does not move would keep us here for ever.
    if (next === after) return { items, truncated: true };
    after = next;
  }
}
