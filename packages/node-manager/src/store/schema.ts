import type { DatabaseSync } from 'node:sqlite';
import { PlanetLabError } from '@planetlab/model';

/** One entry per version; entry n brings a database from version n to n + 1. Never changed once released. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE leases (
    id TEXT PRIMARY KEY,
    slice TEXT NOT NULL,
    image_digest TEXT NOT NULL,
    granted_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    -- the node's own signature over everything that was promised: the record is read from it
    token TEXT NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX one_live_lease_per_slice ON leases (slice) WHERE ended_ms IS NULL;
  CREATE INDEX live_leases_by_end ON leases (expires_ms) WHERE ended_ms IS NULL;
  -- what exists on the host, or is about to, or is being removed: longer than its lease
  CREATE TABLE slivers (
    slice TEXT PRIMARY KEY,
    sliver_index INTEGER NOT NULL UNIQUE,
    lease_id TEXT NOT NULL REFERENCES leases (id),
    created_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE access (slice TEXT PRIMARY KEY, keys TEXT NOT NULL) STRICT;
  CREATE TABLE steps (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    slice TEXT,
    step TEXT NOT NULL,
    outcome TEXT NOT NULL,
    duration_ms REAL NOT NULL,
    message TEXT
  ) STRICT;
  CREATE INDEX steps_by_slice ON steps (slice, id);
  `,
  `
  -- what a slice has sent in its day: longer than its sliver, so that deleting it does not begin a new day
  CREATE TABLE volumes (
    slice TEXT PRIMARY KEY,
    lease_id TEXT NOT NULL,
    counter_bytes INTEGER NOT NULL,
    day_start_ms INTEGER NOT NULL,
    sent_bytes INTEGER NOT NULL,
    told INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- what people of a sliver should know, until it is gone
  CREATE TABLE notices (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    slice TEXT NOT NULL,
    lease_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    counted INTEGER
  ) STRICT;
  CREATE INDEX notices_by_lease ON notices (lease_id, id);
  `,
  `
  -- what programs of a sliver are told of its slice's tags, under which lease
  CREATE TABLE tags (
    slice TEXT PRIMARY KEY REFERENCES slivers (slice) ON DELETE CASCADE,
    lease_id TEXT NOT NULL,
    tags TEXT NOT NULL
  ) STRICT;
  `,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the database to the current version in one transaction. Throws `step_failed` for one of a newer program. */
export function migrate(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA user_version').get();
  const version = Number(row?.['user_version'] ?? 0);
  if (version > SCHEMA_VERSION) {
    throw new PlanetLabError(
      'step_failed',
      `The node's database has version ${version}; this program knows versions up to ${SCHEMA_VERSION}. Start the newer program.`,
    );
  }
  if (version === SCHEMA_VERSION) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const migration of MIGRATIONS.slice(version)) database.exec(migration);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    database.exec('COMMIT');
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
