import { PlanetLabError } from '@planetlab/model';

/** Which part of a list is asked for. */
export interface Paging {
  readonly limit: number;
  readonly after?: string | undefined;
}

export interface Page<T> {
  readonly items: T[];
  /** Where the next one begins; null at the end. */
  readonly next: string | null;
}

/** A page of a list that was read with one item more than wanted: whether there is a next one shows by that. */
export function pageOf<T>(items: readonly T[], limit: number, cursorOf: (item: T) => string): Page<T> {
  const page = items.slice(0, limit);
  const last = page.at(-1);
  return { items: page, next: items.length > limit && last !== undefined ? cursorOf(last) : null };
}

/** A page of a list that is short and was read whole, in the order of its cursors. */
export function pageOfFew<T>(items: readonly T[], { limit, after }: Paging, cursorOf: (item: T) => string) {
  const sorted = items.toSorted((a, b) => (cursorOf(a) < cursorOf(b) ? -1 : 1));
  const rest = after === undefined ? sorted : sorted.filter((item) => cursorOf(item) > after);
  return pageOf(rest, limit, cursorOf);
}

/** Where a page ended that is sorted by time: by it and by what tells apart those of one moment. */
export const timeCursor = (at: string, id: string): string => `${at}~${id}`;

/** Throws `malformed_request` for what is no cursor of ours. */
export function parseTimeCursor(cursor: string): { readonly at: Date; readonly id: string } {
  const [instant = '', id = ''] = cursor.split('~');
  const at = new Date(instant);
  if (/^\d{4}-/.test(instant) && !Number.isNaN(at.getTime())) return { at, id };
  throw noCursor();
}

/** The number at which a page ended. Throws `malformed_request`. */
export function parseNumberCursor(cursor: string): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw noCursor();
}

const noCursor = () =>
  new PlanetLabError('malformed_request', 'Give as "after" what a page says in "next", and nothing else.', {
    details: { where: 'query.after' },
  });
