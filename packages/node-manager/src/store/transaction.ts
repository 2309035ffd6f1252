import type { DatabaseSync } from 'node:sqlite';

/** All of a change or nothing, durable when it returns. */
export function transaction<T>(database: DatabaseSync, change: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = change();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK'); // some failures have done so themselves
    throw error;
  }
}

/** The same, but a crash of the machine may lose it, with what came after it and was not synced either. */
export function unsynced<T>(database: DatabaseSync, change: () => T): T {
  database.exec('PRAGMA synchronous = NORMAL');
  try {
    return transaction(database, change);
  } finally {
    database.exec('PRAGMA synchronous = FULL');
  }
}
