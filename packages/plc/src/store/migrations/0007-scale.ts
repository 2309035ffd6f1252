import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const STATEMENTS = [
  // the broker finds slivers by what nodes say of leases, people by their slice; each node's are counted in lists
  'create index slivers_lease on slivers (lease_id) where lease_id is not null',
  'create index slivers_slice on slivers (slice)',
  'create index slivers_wanted_on_node on slivers (node_id) where wanted',
];

/** What makes a hundred thousand slivers as quick to find as a hundred. */
export const scale: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
