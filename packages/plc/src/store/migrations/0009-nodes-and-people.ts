import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [`alter table nodes add column held_off_until timestamptz`];

/** Nodes that flood. Only adds: what ran before goes on with it. */
export const nodesAndPeople: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
