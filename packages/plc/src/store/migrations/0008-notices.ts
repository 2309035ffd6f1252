import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  `create table sliver_notices (
    sliver_id uuid not null references slivers on delete cascade,
    at timestamptz not null,
    code text not null,
    message text not null,
    told_at timestamptz not null,
    mailed boolean not null,
    primary key (sliver_id, at, code))`,
];

/** What nodes have said about slivers. Only adds: what ran before goes on with it. */
export const notices: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
