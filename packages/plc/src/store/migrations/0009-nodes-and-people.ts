import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  'alter table nodes add column held_off_until timestamptz',
  'alter table nodes add column reboot jsonb',
  `create table pending_decisions (
    operation_id uuid not null references operations on delete cascade,
    subject text not null,
    action text not null,
    reason text not null,
    actor text not null,
    primary key (operation_id, subject))`,
];

/** Nodes that flood and that are to be rebooted, decisions that are not yet carried out. Only adds: what ran before goes on with it. */
export const nodesAndPeople: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
