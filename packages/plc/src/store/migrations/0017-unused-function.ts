import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/**
 * What noted slivers one by one, until 0010 did it for all of a statement. No trigger calls it, or the database would not
 * let it go; no program ever did.
 */
export const unusedFunction: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    await sql.raw('drop function note_sliver_span()').execute(db);
  },
};
