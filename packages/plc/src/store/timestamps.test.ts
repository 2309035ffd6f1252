import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { parseUtc } from './timestamps.ts';

const TIMESTAMPTZ = 1184;
const slowly: (text: string) => Date = pg.types.getTypeParser(TIMESTAMPTZ);

describe('a time of the database', () => {
  it.each([
    '2026-11-26 08:01:15.618+00',
    '2026-11-26 08:01:15+00',
    '2026-11-26 08:01:15.6+00',
    '2026-11-26 08:01:15.06+00',
    '2026-02-28 23:59:59.999999+00',
    '1000-01-01 00:00:00+00',
    '9999-12-31 23:59:59.123456+00',
  ])('is read as it is otherwise: %s', (text) => {
    expect(new Date(parseUtc(text) ?? 0)).toEqual(slowly(text));
  });

  it.each([
    '2026-11-26 13:31:15.6+05:30',
    '2026-11-26 08:01:15-08',
    '0044-03-15 00:00:00+00',
    '0044-03-15 00:00:00+00 BC',
    '10000-01-01 00:00:00+00',
    'infinity',
    '',
  ])('is left to others when it is of another form: %s', (text) => {
    expect(parseUtc(text)).toBeUndefined();
  });
});
