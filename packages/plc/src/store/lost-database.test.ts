import { createApp } from '@planetlab/contract/server';
import { sql } from 'kysely';
import pg from 'pg';
import { expect, it } from 'vitest';
import { openTestDatabase } from '../testing/test-processes.ts';
import { explainGone, openDatabase } from './database.ts';
import { explainLostDatabase, guarded } from './lost-database.ts';

it('tells callers that the database is away and when to come again, and nothing of the kind of other failures', async () => {
  const db = openDatabase({ socketFolder: '/nowhere' }, () => {});
  const app = createApp({ explain: explainLostDatabase });
  app.get('/ask', () => sql`select 1`.execute(db));
  app.get('/other', () => Promise.reject(Object.assign(new Error('syntax error'), { code: '42601' })));
  app.get('/elsewhere', () => Promise.reject(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })));
  app.get('/broken', () => Promise.reject(new Error('Connection terminated unexpectedly')));
  const away = await app.inject('/ask');
  expect(away.statusCode).toBe(503);
  expect(away.headers['retry-after']).toBe('2');
  expect(away.json()).toMatchObject({ code: 'database_unavailable', fault: 'platform' });
  expect((await app.inject('/broken')).statusCode).toBe(503);
  for (const path of ['/other', '/elsewhere'])
    expect((await app.inject(path)).json()).toMatchObject({ code: 'internal' });
  await app.close();
  await db.destroy();
});

it('tells callers that what a change is about was removed meanwhile, and takes nothing else for that', async () => {
  const app = createApp({ explain: explainGone });
  app.get('/gone', () => Promise.reject(Object.assign(new Error('violates foreign key'), { code: '23503' })));
  app.get('/other', () => Promise.reject(Object.assign(new Error('syntax error'), { code: '42601' })));
  const gone = await app.inject('/gone');
  expect(gone.statusCode).toBe(409);
  expect(gone.json()).toMatchObject({ code: 'conflict', detail: expect.stringContaining('nothing was changed') });
  expect((await app.inject('/other')).json()).toMatchObject({ code: 'internal' });
  await app.close();
});

it('tells who waited too long for a connection that there is much to do, not that the database is away', async () => {
  await using server = await openTestDatabase();
  const pool = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 300 });
  const held = await guarded(pool).connect();
  const problem = explainLostDatabase(await Promise.resolve(guarded(pool).connect()).catch((error) => error));
  expect(problem).toMatchObject({ code: 'database_unavailable', details: { retryAfterSeconds: 2 } });
  expect(problem?.message).toMatch(/more to do at this moment than its database takes/);
  held.release();
  await pool.end();
});
