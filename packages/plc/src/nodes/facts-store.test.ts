import { randomUUID } from 'node:crypto';
import { NodeId, NodeName, toInstant } from '@planetlab/model';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CHANGES_CHANNEL } from '../events/record.ts';
import { migrate } from '../store/migrate.ts';
import type { Db } from '../store/schema.ts';
import { fakeFacts } from '../testing/fake-facts.ts';
import type { JoinedNode } from '../testing/join.ts';
import { openTestDatabase } from '../testing/test-processes.ts';
import { createFactsStore, type FactsStore } from './facts-store.ts';
import { getNode } from './store.ts';

const id = NodeId.parse(randomUUID());
const name = NodeName.parse('tokyo');
let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Db;
let store: FactsStore;

beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
  await migrate(db);
  await sql`insert into sites (name, title, created_at) values ('demo', 'Demo', now())`.execute(db);
  await sql`insert into nodes (id, name, site, created_at) values (${id}, ${name}, 'demo', now())`.execute(db);
  store = createFactsStore({ db, now: () => new Date() });
});
afterAll(() => database[Symbol.asyncDispose]());

const instant = (second: number) => toInstant(Date.UTC(2026, 0, 1, 12, 0, second));
/** As a node says it at this second, after this boot. */
const said = (second: number, boot: string) => ({
  id,
  facts: {
    ...fakeFacts({ reply: { nodeId: id }, name } as JoinedNode, 0, boot),
    startedAt: instant(0),
    clock: instant(second),
  },
  measured: { at: instant(second), rttMs: 1.5, clockOffsetMs: 0 },
});
const shown = async () => {
  const { facts, measured } = await getNode(db, name, new Date());
  return { boot: facts?.bootId, clock: facts?.clock, at: measured?.at };
};

it('watchers hear of a node when it says something new, and not when it says the same again', async () => {
  const heard: (string | undefined)[] = [];
  const listener = new pg.Client({ connectionString: database.url });
  await listener.connect();
  listener.on('notification', ({ payload }) => heard.push(payload));
  await listener.query(`listen ${CHANGES_CHANNEL}`);
  await store.store(said(1, 'first'));
  await store.store(said(2, 'first'));
  await store.storeAgain(said(3, 'first'));
  await store.store(said(4, 'second'));
  await sql`select pg_notify(${CHANGES_CHANNEL}, 'end')`.execute(db);
  await expect.poll(() => heard.at(-1), { timeout: 30_000 }).toBe('end');
  await listener.end();
  expect(heard).toHaveLength(3);
  expect(await shown()).toEqual({ boot: 'second', clock: instant(4), at: instant(4) });
});

it('what is stored later leaves as it is what a node has said anew meanwhile', async () => {
  const again = store.storeAgain(said(5, 'second'));
  await store.store(said(6, 'third'));
  await again;
  expect((await shown()).boot).toBe('third');
});
