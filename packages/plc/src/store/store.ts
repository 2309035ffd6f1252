import type { Db } from './schema.ts';

/** What a change of the database needs: the database, and what time it is. */
export interface Store {
  readonly db: Db;
  readonly now: () => Date;
}
