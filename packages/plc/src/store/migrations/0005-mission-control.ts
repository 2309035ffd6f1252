import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table slice_selectors (
    slice_id uuid primary key references slices on delete cascade,
    request jsonb not null,
    kept_at timestamptz not null)`,
  `create table kill_switches (
    kind text not null check (kind in ('slice', 'person', 'site')),
    name text not null,
    reason text not null,
    at timestamptz not null,
    actor text not null,
    primary key (kind, name))`,
  // Who is refused: those who are stopped, and the people of sites that are, but admins.
  `create view stopped_persons as
    select name as person from kill_switches where kind = 'person'
    union
    select roles.person from kill_switches join roles on roles.site = kill_switches.name
    where kind = 'site' and not exists (
      select from roles as held where held.person = roles.person and held.role = 'admin')`,
  `create table announcements (
    id bigint primary key generated always as identity,
    level text not null,
    title text not null,
    text text not null,
    site text,
    slice text,
    node text,
    public boolean not null,
    at timestamptz not null,
    actor text not null,
    ends_at timestamptz)`,
  // Every name in an event. Older events have none: they are found by who, what and whose.
  "alter table events add column mentions text[] not null default '{}'",
  'create index events_mentions on events using gin (mentions)',
  'create index events_at on events (at)',
];

/** Selectors of slices, kill switches, announcements, search of events. Only adds: what ran before goes on with it. */
export const missionControl: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
