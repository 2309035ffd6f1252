import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Programs that wait to be let in by their person. Only adds: what ran before goes on with it. */
export const deviceSignIns: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    await sql
      .raw(`create table device_sign_ins (
        hash text primary key,
        user_code text not null unique,
        label text not null,
        scopes jsonb not null,
        token_expires_at timestamptz not null,
        address text not null,
        person text references persons on delete cascade,
        state text not null default 'asked' check (state in ('asked', 'allowed', 'refused')),
        created_at timestamptz not null,
        expires_at timestamptz not null,
        asked_at timestamptz,
        interval_seconds integer not null)`)
      .execute(db);
    await sql.raw('create index on device_sign_ins (expires_at)').execute(db);
  },
};
