import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * Of all that a node says of itself, what is shown with each of its slivers: to take it out of the rest is most of reading
 * a list of slivers. Only adds: the database fills it in for what ran before as well.
 */
export const sshOfNodes: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    // "if not exists": databases that were made from the sources while 0016 was new may have it
    await sql
      .raw("alter table nodes add column if not exists ssh jsonb generated always as (facts -> 'ssh') stored")
      .execute(db);
  },
};
