import { type RawBuilder, sql } from 'kysely';

/** Columns by name with their types, in the order in which they are selected. */
export type GivenColumns = Readonly<Record<string, string>>;

/**
 * Rows of ours as a table named `given`, for `insert ... select` and `update ... from`. Each column is one parameter, an
 * array: however many rows there are, the statement's text is the same and short, and names of columns are said once.
 */
export function givenRows(columns: GivenColumns, rows: readonly object[]): RawBuilder<unknown> {
  const entries = Object.entries(columns);
  const arrays = entries.map(([name, type]) => {
    const values = rows.map((row) => (row as Readonly<Record<string, unknown>>)[name]);
    return sql`${arrayOf(values, type)}::${sql.raw(isArray(type) ? 'text' : type)}[]`;
  });
  // Arrays of arrays would all have to be as long: theirs come as text.
  const selected = entries.map(([name, type]) => (isArray(type) ? `${name}::${type}` : name));
  return sql`(select ${sql.raw(selected.join(', '))} from unnest(${sql.join(arrays)}) as given (${columnList(columns)}))
    as given`;
}

/** `a, b, c`, as in `insert into t (a, b, c)`. */
export const columnList = (columns: GivenColumns): RawBuilder<unknown> => sql.raw(Object.keys(columns).join(', '));

const isArray = (type: string): boolean => type.endsWith('[]');

/** An array in PostgreSQL's text form. Many rows have the same value as the one before them. */
function arrayOf(values: readonly unknown[], type: string): string {
  const form = formOf(type);
  let last: unknown;
  let text = '';
  const elements = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    if (value === last) return text;
    last = value;
    text = form(value);
    return text;
  });
  return `{${elements.join(',')}}`;
}

/** How a value of this type is written as an element. */
function formOf(type: string): (value: unknown) => string {
  if (type === 'jsonb') return (value) => JSON.stringify(JSON.stringify(value)); // JSON has nothing but quotes and backslashes to escape
  if (isArray(type)) return (value) => quoted(`{${[value].flat().map(plainOrQuoted).join(',')}}`);
  return type === 'text' ? quoted : (value) => (value instanceof Date ? value.toISOString() : String(value));
}

const quoted = (value: unknown): string => `"${String(value).replaceAll(ESCAPED, '\\$&')}"`;
const ESCAPED = /["\\]/g;

/** Quotes within quotes are most of the work, and names need none. */
const plainOrQuoted = (value: unknown): string =>
  PLAIN.test(String(value)) && String(value).toUpperCase() !== 'NULL' ? String(value) : quoted(value);
const PLAIN = /^[\w.:@+-]+$/;
