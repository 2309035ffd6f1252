import { sql } from 'kysely';
import type { Db } from './schema.ts';

/** Work that is done in one process at a time, by the number of its lock among PostgreSQL's advisory locks. */
export const ONE_AT_A_TIME = { housekeeping: 7_526_145, reboots: 7_526_146, authority: 7_526_147 } as const;

/**
 * Does the work unless another process is at it now; whether it was done here. The lock lives with a connection: a
 * process that was killed holds it no longer.
 */
export async function oneAtATime(
  db: Db,
  what: keyof typeof ONE_AT_A_TIME,
  work: () => Promise<void>,
): Promise<boolean> {
  const lock = ONE_AT_A_TIME[what];
  return db.connection().execute(async (connection) => {
    const { rows } = await sql<{ got: boolean }>`select pg_try_advisory_lock(${lock}) as got`.execute(connection);
    if (rows[0]?.got !== true) return false;
    try {
      await work();
      return true;
    } finally {
      await sql`select pg_advisory_unlock(${lock})`.execute(connection);
    }
  });
}

/** Does the work when no other process is at it; waits for one that is. */
export async function inTurn<T>(db: Db, what: keyof typeof ONE_AT_A_TIME, work: () => Promise<T>): Promise<T> {
  const lock = ONE_AT_A_TIME[what];
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(${lock})`.execute(connection);
    try {
      return await work();
    } finally {
      await sql`select pg_advisory_unlock(${lock})`.execute(connection);
    }
  });
}
