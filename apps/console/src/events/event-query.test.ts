import { expect, it } from 'vitest';
import { eventQuery, NO_FIELDS } from './event-query.ts';

it('asks only for what was typed, with times as instants', () => {
  expect(eventQuery(NO_FIELDS)).toEqual({});
  const typed = eventQuery({ ...NO_FIELDS, person: ' ada@example.org ', since: '2026-12-24T18:00' });
  expect(typed).toEqual({ person: 'ada@example.org', since: new Date('2026-12-24T18:00').toISOString() });
});
