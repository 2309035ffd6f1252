import type { EventEntry } from './record.ts';

/** More than a change of a slice on all nodes of a large authority has. */
const MOST_MENTIONS = 5000;
const DEEPEST = 6;
/** Names of things and addresses; no sentences, instants, numbers or identifiers made by machines. */
const NAME = /^[a-z0-9][a-z0-9.:@_+-]{1,253}$/i;
const NO_NAME = /^(?:\d+|\d{4}-\d\d-\d\dT.*|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** Half of all events say that something runs or starts: whoever looks for a name does not mean these. */
const STATE = 'state';

type Mentioning = Pick<EventEntry, 'actor' | 'subject' | 'site' | 'slice' | 'before' | 'after'>;

/** Everybody and everything that an event names, so that it is found by any of them. */
export function mentionsOf({ actor, subject, site, slice, before, after }: Mentioning): string[] {
  const names = new Set<string>([actor.slice(actor.indexOf(':') + 1), subject]);
  if (site !== undefined) names.add(site);
  if (slice !== undefined) {
    names.add(slice);
    if (subject.startsWith(`${slice}@`)) names.add(subject.slice(slice.length + 1));
  }
  collect(before, names, 0);
  collect(after, names, 0);
  return [...names];
}

function collect(value: unknown, names: Set<string>, depth: number): void {
  if (names.size >= MOST_MENTIONS || depth > DEEPEST) return;
  if (typeof value === 'string') {
    if (NAME.test(value) && !NO_NAME.test(value)) names.add(value);
  } else if (typeof value === 'object' && value !== null && !(value instanceof Date)) {
    for (const [name, member] of Object.entries(value)) if (name !== STATE) collect(member, names, depth + 1);
  }
}
