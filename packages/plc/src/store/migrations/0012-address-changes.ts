import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Mail addresses that people want to change, and that can still be objected to. Only adds: what ran before goes on with it. */
export const addressChanges: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    await sql
      .raw(`create table address_changes (
        hash text primary key,
        objection_hash text not null unique,
        person text not null references persons on delete cascade,
        address_before text not null,
        address_after text not null,
        state text not null default 'asked' check (state in ('asked', 'done', 'withdrawn')),
        created_at timestamptz not null,
        expires_at timestamptz not null)`)
      .execute(db);
    await sql.raw('create index on address_changes (person)').execute(db);
  },
};
