import { type RawBuilder, sql } from 'kysely';

/** Columns by name with their types, in the order in which they are selected. */
export type GivenColumns = Readonly<Record<string, string>>;

/**
 * Rows of ours as a table named `given`, for `insert ... select` and `update ... from`. They are one parameter: however
 * many there are, the statement's text is the same and short, which for a thousand rows is most of the work otherwise.
 */
export const givenRows = (columns: GivenColumns, rows: readonly object[]): RawBuilder<unknown> =>
  sql`json_to_recordset(${JSON.stringify(rows)}::json) as given (${sql.raw(definitionsOf(columns))})`;

/** `a, b, c`, as in `insert into t (a, b, c)`. */
export const columnList = (columns: GivenColumns): RawBuilder<unknown> => sql.raw(Object.keys(columns).join(', '));

const definitionsOf = (columns: GivenColumns): string =>
  Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(', ');
