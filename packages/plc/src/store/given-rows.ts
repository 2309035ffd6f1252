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
    const elements = rows.map((row) => elementOf((row as Readonly<Record<string, unknown>>)[name], type));
    return sql`${`{${elements.join(',')}}`}::${sql.raw(isArray(type) ? 'text' : type)}[]`;
  });
  // Arrays of arrays would all have to be as long: theirs come as text.
  const selected = entries.map(([name, type]) => (isArray(type) ? `${name}::${type}` : name));
  return sql`(select ${sql.raw(selected.join(', '))} from unnest(${sql.join(arrays)}) as given (${columnList(columns)}))
    as given`;
}

/** `a, b, c`, as in `insert into t (a, b, c)`. */
export const columnList = (columns: GivenColumns): RawBuilder<unknown> => sql.raw(Object.keys(columns).join(', '));

const isArray = (type: string): boolean => type.endsWith('[]');

/** A value as an element of an array in PostgreSQL's text form. */
function elementOf(value: unknown, type: string): string {
  if (value === null || value === undefined) return 'NULL';
  if (type === 'jsonb') return quoted(JSON.stringify(value));
  if (Array.isArray(value)) return quoted(`{${value.map((member) => quoted(String(member))).join(',')}}`);
  return value instanceof Date ? value.toISOString() : quoted(String(value));
}

const quoted = (text: string): string => `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`;
