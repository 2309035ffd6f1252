import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** What slivers were told of their tags. Only adds: what ran before goes on with it. */
export const sliverTags: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    await sql.raw('alter table slivers add column tags_hash text').execute(db);
  },
};
