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

const SERVICE = [
  `alter table sites
    add column url text not null default '',
    add column place jsonb,
    add column max_slices integer,
    add column closed jsonb`,
  `alter table nodes
    add column run_level_decision jsonb,
    add column drain jsonb,
    add column quarantine jsonb,
    add column interfaces jsonb not null default '[]',
    add column refused jsonb,
    add column disconnected_because text,
    add column certificate_expires_at timestamptz,
    add column escalation_level integer not null default 0,
    add column escalated_at timestamptz`,
  `alter table slices
    add column initial_command text not null default '',
    add column max_nodes integer,
    add column warned_end timestamptz,
    add column told_end timestamptz`,
  'alter table slivers add column initialised_lease uuid',
  `create table slice_suspensions (
    slice_id uuid not null references slices on delete cascade,
    cause text not null,
    reason text not null,
    at timestamptz not null,
    actor text not null,
    primary key (slice_id, cause))`,
];

/**
 * Which slice was where, and whose it was, for as long as attribution is kept. Written by the database itself, so that
 * no way of changing slivers or people goes round it. No references: it outlives what it tells of.
 */
const ATTRIBUTION = [
  `create table sliver_spans (
    id bigint generated always as identity primary key,
    sliver_id uuid not null,
    slice_id uuid not null,
    node_id uuid not null,
    ipv4 text,
    ipv6 text,
    node_addresses jsonb not null,
    from_at timestamptz not null,
    until_at timestamptz)`,
  'create index on sliver_spans (node_id, from_at)',
  'create index on sliver_spans (until_at)',
  'create index sliver_spans_open on sliver_spans (sliver_id) where until_at is null',
  `create table slice_person_spans (
    id bigint generated always as identity primary key,
    slice_id uuid not null,
    person text not null,
    from_at timestamptz not null,
    until_at timestamptz)`,
  'create index on slice_person_spans (slice_id)',
  'create index on slice_person_spans (until_at)',
  `create function note_sliver_span() returns trigger language plpgsql as $$
    begin
      if tg_op <> 'INSERT' then
        update sliver_spans set until_at = now() where sliver_id = old.id and until_at is null;
      end if;
      if tg_op <> 'DELETE' and new.lease_id is not null then
        insert into sliver_spans (sliver_id, slice_id, node_id, ipv4, ipv6, node_addresses, from_at)
        select new.id, new.slice_id, new.node_id, new.ipv4, new.ipv6,
          coalesce(addresses, '[]') || coalesce(jsonb_path_query_array(interfaces, '$[*].address'), '[]')
            || coalesce(jsonb_path_query_array(facts, '$.ipv4 ? (@ != null)'), '[]'), now()
        from nodes where id = new.node_id;
      end if;
      return null;
    end $$`,
  `create trigger slivers_span after insert or delete on slivers
    for each row execute function note_sliver_span()`,
  `create trigger slivers_span_change after update of lease_id, ipv4, ipv6 on slivers for each row
    when ((old.lease_id, old.ipv4, old.ipv6) is distinct from (new.lease_id, new.ipv4, new.ipv6))
    execute function note_sliver_span()`,
  `create function note_slice_person_span() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        update slice_person_spans set until_at = now()
          where slice_id = old.slice_id and person = old.person and until_at is null;
      else
        insert into slice_person_spans (slice_id, person, from_at) values (new.slice_id, new.person, now());
      end if;
      return null;
    end $$`,
  `create trigger slice_persons_span after insert or delete on slice_persons
    for each row execute function note_slice_person_span()`,
  `insert into slice_person_spans (slice_id, person, from_at)
    select slice_id, person, created_at from slice_persons join slices on slices.id = slice_id`,
  `insert into sliver_spans (sliver_id, slice_id, node_id, ipv4, ipv6, node_addresses, from_at)
    select slivers.id, slice_id, node_id, ipv4, ipv6, coalesce(addresses, '[]'), requested_at
    from slivers join nodes on nodes.id = node_id where lease_id is not null`,
];

/** Settings, tags and groups; what people decide about nodes and slices; what is kept for attribution. Only adds. */
export const slicesAndNodes: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of [...SETTINGS_AND_TAGS, ...SERVICE, ...ATTRIBUTION]) await sql.raw(statement).execute(db);
  },
};
