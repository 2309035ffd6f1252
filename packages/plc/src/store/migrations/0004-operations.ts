import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table operations (
    id uuid primary key,
    number bigint generated always as identity unique,
    kind text not null,
    subject text not null,
    actor text not null,
    site text,
    slice_id uuid references slices on delete cascade,
    slice text,
    state text not null,
    counts jsonb not null,
    version integer not null default 1,
    created_at timestamptz not null,
    deadline_at timestamptz not null,
    ended_at timestamptz)`,
  'create index on operations (slice_id)',
  'create index operations_running on operations (deadline_at) where ended_at is null',
  // A sliver's row vanishes when the sliver has: its id refers to nothing then, and that is an answer.
  `create table operation_items (
    operation_id uuid not null references operations on delete cascade,
    subject text not null,
    slice text,
    node text,
    goal text not null check (goal in ('running', 'gone', 'none')),
    sliver_id uuid,
    node_id uuid,
    added boolean not null default false,
    state text not null,
    reason jsonb,
    since timestamptz not null,
    version integer not null default 1,
    primary key (operation_id, subject))`,
  'create index on operation_items (operation_id, version)',
  `create table idempotency_keys (
    person text not null,
    key text not null,
    target text not null,
    body_hash text not null,
    created_at timestamptz not null,
    answered boolean not null default false,
    reply text,
    primary key (person, key))`,
  'create index on idempotency_keys (created_at)',
];

/** Operations over many nodes, how far each of their items is, and the keys under which changes were made. */
export const operations: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
