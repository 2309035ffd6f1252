import { setTimeout as sleep } from 'node:timers/promises';
import { plcRoutes } from '@planetlab/contract';
import { type App, serve } from '@planetlab/contract/server';
import { PlanetLabError, SECOND_MS } from '@planetlab/model';
import { sql } from 'kysely';
import type { Db } from '../store/schema.ts';
import type { Drain } from './drain.ts';

const DATABASE_MS = 3 * SECOND_MS;

/** Whether this process lives, and whether it should be sent requests: not without its database, nor while it stops. */
export function serveHealth(app: App, db: Db, drain: Drain): void {
  serve(app, plcRoutes.health, async () => {
    await sql`select 1`.execute(db);
    return { status: 'ok' as const };
  });
  serve(app, plcRoutes.ready, async () => {
    if (drain.draining) throw new PlanetLabError('authority_unreachable', 'This process stops; use another one.');
    await answers(db);
    return { status: 'ready' as const };
  });
}

async function answers(db: Db): Promise<void> {
  const late = new AbortController();
  const query = sql`select 1`.execute(db);
  query.catch(() => {}); // it may still fail after we have given up on it
  const timeout = sleep(DATABASE_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error('no answer in time');
  });
  try {
    await Promise.race([query, timeout]);
  } catch (cause) {
    throw new PlanetLabError('authority_unreachable', 'The database does not answer.', { cause });
  } finally {
    timeout.catch(() => {}); // interrupted below
    late.abort();
  }
}
