import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table mails (
    id uuid primary key,
    at timestamptz not null,
    kind text not null,
    recipient text not null,
    subject text not null,
    text text,
    state text not null default 'queued' check (state in ('queued', 'sent', 'failed')),
    attempts integer not null default 0,
    next_attempt_at timestamptz not null,
    last_error text,
    sent_at timestamptz)`,
  "create index mails_due on mails (next_attempt_at) where state = 'queued'",
  'create index on mails (at, id)',
  'create index on mails (recipient, at)',
  `alter table persons
    add column password text,
    add column handle uuid not null default gen_random_uuid()`,
  'create unique index persons_handle on persons (handle)',
  `create table sign_ups (
    hash text primary key,
    email text not null,
    name text not null,
    site text not null references sites on delete cascade,
    role text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null)`,
  `create table role_requests (
    person text not null references persons on delete cascade,
    site text not null references sites on delete cascade,
    role text not null,
    requested_at timestamptz not null,
    primary key (person, site, role))`,
  'create index on role_requests (site)',
  `create table invitations (
    id uuid primary key,
    hash text not null unique,
    email text not null,
    name text not null,
    roles jsonb not null,
    invited_by text not null references persons on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null)`,
  `create table password_resets (
    hash text primary key,
    person text not null references persons on delete cascade,
    created_at timestamptz not null,
    expires_at timestamptz not null)`,
  `create table sign_in_failures (
    email text primary key,
    failures integer not null,
    since timestamptz not null)`,
  `create table passkeys (
    id text primary key,
    person text not null references persons on delete cascade,
    label text not null,
    public_key bytea not null,
    counter bigint not null,
    transports jsonb not null,
    created_at timestamptz not null,
    last_used_at timestamptz)`,
  'create index on passkeys (person)',
  `create table passkey_challenges (
    hash text primary key,
    person text references persons on delete cascade,
    expires_at timestamptz not null)`,
  `create table identities (
    issuer text not null,
    subject text not null,
    person text not null references persons on delete cascade,
    created_at timestamptz not null,
    primary key (issuer, subject))`,
  'create index on identities (person)',
  `create table oidc_sign_ins (
    hash text primary key,
    browser_hash text not null,
    nonce text not null,
    verifier text not null,
    expires_at timestamptz not null)`,
  `alter table sessions
    add column id uuid not null default gen_random_uuid(),
    add column method text not null default 'link',
    add column browser text not null default '',
    add column last_used_at timestamptz`,
  'create unique index sessions_id on sessions (id)',
  'create index on sessions (person)',
  'alter table tokens add column scopes jsonb not null default \'["all"]\'',
];

/** How people come, sign in and leave, and the mail that is sent about it. Only adds: what ran before goes on with it. */
export const people: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
