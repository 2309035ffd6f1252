import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestDatabase } from '../testing/test-processes.ts';
import { givenRows } from './given-rows.ts';
import type { Db } from './schema.ts';

const COLUMNS = {
  ...({ name: 'text', at: 'timestamptz', size: 'double precision', is_new: 'boolean' } as const),
  ...({ said: 'jsonb', names: 'text[]' } as const),
};
const AT = new Date('2026-01-02T03:04:05.678Z');

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Db;

beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
});
afterAll(() => database[Symbol.asyncDispose]());

const read = async (rows: readonly object[]) => (await sql`select * from ${givenRows(COLUMNS, rows)}`.execute(db)).rows;

it('gives rows as they are, whatever is in their texts', async () => {
  const texts = ['', 'NULL', 'null', 'plain', 'a,b', '{}', '{"a"}', '"', '\\', '\\"', "'", ' x\n\t', 'ä€🙂'];
  const rows = texts.map((text) => ({
    ...{ name: text, at: AT, size: 0.1, is_new: false, said: { [text]: [text, null, { a: 1 }] }, names: [text, text] },
  }));
  expect(await read(rows)).toEqual(rows);
});

it('has nothing where a row has nothing, and no rows of none', async () => {
  const nothing = { name: null, at: null, size: null, is_new: null, said: null, names: null };
  expect(await read([nothing, {}])).toEqual([nothing, nothing]);
  expect(await read([{ ...nothing, names: [] }])).toEqual([{ ...nothing, names: [] }]);
  expect(await read([])).toEqual([]);
});

it('refuses what the database cannot keep', async () => {
  await expect(read([{ name: 'a\0' }])).rejects.toThrow(/invalid byte sequence/);
  await expect(read([{ said: { a: '\0' } }])).rejects.toThrow(/Unicode escape/);
});
