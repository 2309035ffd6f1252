import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestDatabase } from '../testing/test-processes.ts';
import { MIGRATIONS } from './migrate.ts';
import type { Db } from './schema.ts';

const FOLDER = join(import.meta.dirname, 'migrations');
const NAMES = Object.keys(MIGRATIONS);

let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Db;

beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
});
afterAll(() => database[Symbol.asyncDispose]());

const migrateTo = async (name: string): Promise<void> => {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
  const { error } = await migrator.migrateTo(name);
  if (error !== undefined) throw error;
};

interface Column {
  readonly place: string;
  readonly type: string;
  /** Whether a row may be written without it. */
  readonly optional: boolean;
}

/** Every column of ours, by `table.column`. */
async function columns(): Promise<Map<string, Column>> {
  const { rows } = await sql<Column>`
    select table_name || '.' || column_name as place, data_type as type,
      (is_nullable = 'YES' or column_default is not null or is_identity = 'YES') as optional
    from information_schema.columns
    where table_schema = 'public' and table_name not like 'kysely%'`.execute(db);
  return new Map(rows.map((column) => [column.place, column]));
}

/** What forbids rows: checks, keys and unique indexes, with the columns that each is about. */
async function conditions(): Promise<Map<string, readonly string[]>> {
  const { rows } = await sql<{ name: string; table: string; columns: string[] }>`
    select i.indexrelid::regclass::text as name, i.indrelid::regclass::text as table,
      array(select a.attname::text from pg_attribute a where a.attrelid = i.indrelid and a.attnum = any(i.indkey)) as columns
    from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
    where i.indisunique and n.nspname = 'public'
    union all
    select k.conname::text, k.conrelid::regclass::text,
      array(select a.attname::text from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey))
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
    where n.nspname = 'public' and k.contype in ('c', 'f') and k.conrelid <> 0`.execute(db);
  return new Map(rows.map(({ name, table, columns: about }) => [name, about.map((column) => `${table}.${column}`)]));
}

it('are written so that they only add', () => {
  // what replaces a trigger or an index is nothing that a process of the previous version could miss, nor is a function that no
  // trigger calls: the database keeps one that a trigger does, unless it is told to cascade
  const forbidden =
    /\b(drop (?!trigger |index |function )|drop .+ cascade|rename|truncate|alter column|set not null|delete from|set data type)\b/i;
  const found = readdirSync(FOLDER).flatMap((file) =>
    readFileSync(join(FOLDER, file), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\*|\/\*)/.test(line) && forbidden.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(found).toEqual([]);
});

it('take no column away, ask nothing of rows that know only the columns before, and forbid nothing that was allowed', async () => {
  await migrateTo(NAMES[0] ?? '');
  for (const name of NAMES.slice(1)) {
    const before = { columns: await columns(), conditions: await conditions() };
    const tables = new Set([...before.columns.keys()].map((place) => place.split('.')[0]));
    await migrateTo(name);
    const after = { columns: await columns(), conditions: await conditions() };
    for (const [place, { type, optional }] of before.columns) {
      expect(after.columns.get(place), `${name}: ${place}`).toMatchObject({ type });
      if (optional) expect(after.columns.get(place)?.optional, `${name}: ${place} stays optional`).toBe(true);
    }
    const added = [...after.columns.values()].filter(({ place }) => !before.columns.has(place));
    const demanded = added.filter(({ place, optional }) => !optional && tables.has(place.split('.')[0]));
    expect(demanded, `${name}: new columns of tables from before are optional`).toEqual([]);
    for (const [condition, about] of after.conditions) {
      if (before.conditions.has(condition)) continue;
      const old = about.length > 0 && about.every((place) => before.columns.has(place));
      expect(old, `${name}: ${condition} is about columns from before`).toBe(false);
    }
  }
});

it('leave no function behind that no trigger calls', async () => {
  await migrateTo(NAMES.at(-1) ?? '');
  const { rows } = await sql<{ name: string }>`
    select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname = 'public' and not exists (select from pg_trigger t where t.tgfoid = p.oid)`.execute(db);
  expect(rows).toEqual([]);
});

it('leave a process of the first version at work: it writes, reads, changes and deletes by the columns that it knows', async () => {
  await migrateTo(NAMES.at(-1) ?? '');
  const [node, slice, process] = [randomUUID(), randomUUID(), randomUUID()];
  const statements = [
    sql`insert into sites (name, title, created_at) values ('old', 'Old', now())`,
    sql`insert into persons (email, name, created_at) values ('old@example.org', 'Old', now())`,
    sql`insert into roles (person, role, site) values ('old@example.org', 'pi', 'old')`,
    sql`insert into keys (fingerprint, person, key, added_at) values ('f', 'old@example.org', 'k', now())`,
    sql`insert into tokens (id, person, label, hash, created_at, expires_at)
      values (${randomUUID()}, 'old@example.org', 'l', 'h', now(), now())`,
    sql`insert into sessions (hash, person, created_at, expires_at) values ('s', 'old@example.org', now(), now())`,
    sql`insert into sign_in_links (hash, person, created_at, expires_at) values ('i', 'old@example.org', now(), now())`,
    sql`insert into nodes (id, name, site, created_at) values (${node}, 'old1', 'old', now())`,
    sql`insert into join_tokens (hash, node_id, created_at, expires_at) values ('j', ${node}, now(), now())`,
    sql`insert into processes (id, started_at, heartbeat_at) values (${process}, now(), now())`,
    sql`insert into uplinks (node_id, process_id, connected_at) values (${node}, ${process}, now())`,
    sql`insert into slices (id, name, site, description, url, image, resources, created_at, expires_at)
      values (${slice}, 'old_a', 'old', '', '', 'debian-12', '{}', now(), now())`,
    sql`insert into slice_persons (slice_id, person) values (${slice}, 'old@example.org')`,
    sql`insert into slivers (id, slice_id, slice, node_id, requested_at, state, since)
      values (${randomUUID()}, ${slice}, 'old_a', ${node}, now(), 'requested', now())`,
    sql`insert into events (at, actor, kind, subject) values (now(), 'operator:test', 'site.created', 'old')`,
    sql`update nodes set facts = '{}', trouble = null, joined_at = now(), last_seen_at = now() where id = ${node}`,
    sql`update slivers set state = 'running', reason = null, ipv4 = '10.0.0.1' where slice_id = ${slice}`,
    sql`update slivers set wanted = false, unwanted_at = now() where slice_id = ${slice}`,
    sql`delete from slivers where slice_id = ${slice} and not wanted`,
    sql`delete from processes where id = ${process}`,
    sql`delete from sessions where hash = 's'`,
  ];
  for (const statement of statements) await statement.execute(db);
  const { rows } = await sql`select p.email, p.enabled, r.role, n.run_level, s.name from persons p
    join roles r on r.person = p.email join nodes n on n.site = r.site join slices s on s.site = r.site
    where p.email = 'old@example.org'`.execute(db);
  expect(rows).toEqual([{ email: 'old@example.org', enabled: true, role: 'pi', run_level: 'boot', name: 'old_a' }]);
});
