import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // Of a process of the version before it is not known: nodes that it holds cannot be reached through others.
  'alter table processes add column address text',
  `create table authority (
    only_one boolean primary key default true check (only_one),
    name text not null,
    fingerprint text not null,
    broker_key text not null,
    recorded_at timestamptz not null)`,
];

/** Where processes reach each other, and whose database this is. */
export const processes: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
