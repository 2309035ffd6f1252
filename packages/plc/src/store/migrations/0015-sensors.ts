import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  'alter table nodes add column measured jsonb',
  'alter table nodes add column availability jsonb',
  // how often in an hour it was looked whether a node is connected, and how often it was
  `create table node_hours (
    hour timestamptz not null,
    node_id uuid not null references nodes on delete cascade,
    asked integer not null,
    seen integer not null,
    sampled_at timestamptz not null,
    primary key (hour, node_id))`,
];

/** What is measured of nodes. Only adds: what ran before goes on with it. */
export const sensors: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
