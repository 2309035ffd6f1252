import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table slice_selectors (
    slice_id uuid primary key references slices on delete cascade,
    request jsonb not null,
    kept_at timestamptz not null)`,
];

/** Selectors of slices. Only adds: what ran before goes on with it. */
export const missionControl: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
