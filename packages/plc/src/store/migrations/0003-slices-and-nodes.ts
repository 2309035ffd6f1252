import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const SETTINGS_AND_TAGS = [
  `create table settings (
    key text primary key,
    value jsonb not null)`,
  `create table node_tags (
    node_id uuid not null references nodes on delete cascade,
    key text not null,
    value text not null,
    primary key (node_id, key))`,
  `create table node_groups (
    name text primary key,
    site text references sites,
    description text not null,
    created_at timestamptz not null)`,
  `create table node_group_members (
    group_name text not null references node_groups on delete cascade,
    node_id uuid not null references nodes on delete cascade,
    primary key (group_name, node_id))`,
  'create index on node_group_members (node_id)',
  `create table node_group_tags (
    group_name text not null references node_groups on delete cascade,
    key text not null,
    value text not null,
    primary key (group_name, key))`,
  `create table slice_tags (
    slice_id uuid not null references slices on delete cascade,
    group_name text references node_groups on delete cascade,
    node_id uuid references nodes on delete cascade,
    key text not null,
    value text not null,
    check (group_name is null or node_id is null),
    unique nulls not distinct (slice_id, group_name, node_id, key))`,
];

/** Settings of the authority, tags and groups. */
export const slicesAndNodes: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of SETTINGS_AND_TAGS) await sql.raw(statement).execute(db);
  },
};
