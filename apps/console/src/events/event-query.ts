import { toInstant } from '@planetlab/model';

/** What the form of the page holds: texts as they were typed; empty for anything. */
export const EVENT_FIELDS = ['person', 'slice', 'node', 'address', 'since', 'until'] as const;
export type EventFields = Readonly<Record<(typeof EVENT_FIELDS)[number], string>>;

export const NO_FIELDS: EventFields = { person: '', slice: '', node: '', address: '', since: '', until: '' };

/** As the API takes it. Times are the reader's own (`2026-12-24T18:00`). */
export function eventQuery(fields: EventFields): Partial<EventFields> {
  const given = EVENT_FIELDS.flatMap((field) => {
    const text = fields[field].trim();
    if (text === '') return [];
    const isTime = field === 'since' || field === 'until';
    return [[field, isTime ? toInstant(new Date(text).getTime()) : text] as const];
  });
  return Object.fromEntries(given);
}
