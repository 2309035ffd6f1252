import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, PlanetLabError } from '@planetlab/model';
import type pg from 'pg';
import type { Logger } from 'pino';
import { type ChangeFeed, openChangeFeed } from '../changes/change-feed.ts';
import { type DatabaseAddress, openPool, type PoolUse } from './database.ts';
import { migrate } from './migrate.ts';
import { startPrivateServer } from './private-server.ts';
import type { Db } from './schema.ts';

/** The database, up to date and open, with what is needed to follow its changes. */
export interface OpenStore extends AsyncDisposable {
  readonly db: Db;
  readonly feed: ChangeFeed;
  /** Of this process's connections. */
  readonly use: () => PoolUse;
  /** Nobody else uses this database. */
  readonly alone: boolean;
}

export interface OpenStoreOptions {
  readonly state: string;
  readonly databaseUrl: string | undefined;
  readonly log: Logger;
  readonly progress: (sentence: string) => void;
}

export async function openStore(options: OpenStoreOptions): Promise<OpenStore> {
  const { log } = options;
  await using stack = new AsyncDisposableStack();
  const { databaseUrl } = options;
  const server = databaseUrl === undefined ? await startPrivateServer(options.state, options.progress) : undefined;
  const address: DatabaseAddress =
    server === undefined ? { url: databaseUrl ?? '' } : { socketFolder: server.socketFolder };
  const feed = await openChangeFeed({
    address,
    ensureRunning: async () => server?.ensureRunning(),
    onConnected: async (client) => (server === undefined ? undefined : lockForOne(client, options.state)),
    log,
  });
  // Only now, with the lock, is the server ours to stop: before, it may be that of another PLC.
  if (server !== undefined) stack.use(server);
  stack.use(feed);
  const { db, use } = openPool(address, (error) => log.warn({ error: messageOf(error) }, 'an idle connection broke'));
  stack.defer(() => db.destroy());
  const migrations = await migrate(db);
  if (migrations.length > 0) log.info({ migrations }, 'database brought up to date');
  const owned = stack.move();
  return { db, feed, use, alone: server !== undefined, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Any fixed number: names our lock among PostgreSQL's advisory locks. */
const ALONE_LOCK = 7_526_144;
const LOCK_ATTEMPTS = 50;
const LOCK_PAUSE_MS = 100;

/** Whether no PLC uses this database now; the lock is held until the connection ends. */
export async function tryLockAlone(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('select pg_try_advisory_lock($1) as got', [ALONE_LOCK]);
  return rows[0]?.got === true;
}

/**
 * One PLC to a private server: a second one in the same state folder would fight over everything. The lock lives with its
 * connection, so a PLC that was killed holds it no longer. Throws `conflict`.
 */
async function lockForOne(client: pg.Client, state: string): Promise<void> {
  for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
    if (await tryLockAlone(client)) return;
    await sleep(LOCK_PAUSE_MS);
  }
  throw new PlanetLabError('conflict', `Another PLC runs with the state folder ${state}. Stop it first.`);
}
