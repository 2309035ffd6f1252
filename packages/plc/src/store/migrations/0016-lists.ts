import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What the list of nodes shows beside their rows. Of slivers it is how many are wanted, which the update of a state leaves as it is. */
const SHOWN = [
  ['slivers', 'insert or delete or update of wanted'],
  ['node_tags', 'insert or delete or update'],
  ['node_group_members', 'insert or delete or update'],
  ['node_group_tags', 'insert or delete or update'],
  ['join_tokens', 'insert or delete or update'],
];

const STATEMENTS = [
  // a row for each statement that changed it, in its transaction: who reads in one look which there are knows whether there are new ones
  `create table node_list_changes (
    id bigint generated always as identity primary key,
    at timestamptz not null default now())`,
  `create function note_node_list_change() returns trigger language plpgsql as $$
    begin
      insert into node_list_changes default values;
      return null;
    end $$`,
  ...SHOWN.map(
    ([table, changes]) => `create trigger ${table}_in_node_list after ${changes} on ${table}
      for each statement execute function note_node_list_change()`,
  ),
];

/** What lists need to know whether they are as they were. Only adds: the database does it for what ran before as well. */
export const lists: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
