import { randomUUID } from 'node:crypto';
import { NodeId, NodeName } from '@planetlab/model';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrate } from '../store/migrate.ts';
import type { Db } from '../store/schema.ts';
import { openTestDatabase } from '../testing/test-processes.ts';
import { noteAvailability } from './availability.ts';
import { getNode } from './store.ts';

const START = Date.UTC(2026, 0, 1, 12);
const MINUTE_MS = 60_000;
const steady = NodeName.parse('steady');
const process = randomUUID();
let database: Awaited<ReturnType<typeof openTestDatabase>>;
let db: Db;

beforeAll(async () => {
  database = await openTestDatabase();
  db = database.db;
  await migrate(db);
  await sql`insert into sites (name, title, created_at) values ('demo', 'Demo', ${new Date(START)})`.execute(db);
});
afterAll(() => database[Symbol.asyncDispose]());

const addNode = async (name: NodeName, joined: boolean): Promise<NodeId> => {
  const id = NodeId.parse(randomUUID());
  const joinedAt = joined ? new Date(START) : null;
  await sql`insert into nodes (id, name, site, created_at, joined_at)
    values (${id}, ${name}, 'demo', ${new Date(START)}, ${joinedAt})`.execute(db);
  return id;
};
/** As the PLC's process does it that holds the node's uplink. */
const look = async (atMs: number) => {
  await sql`update processes set heartbeat_at = ${new Date(atMs)}`.execute(db);
  await noteAvailability({ db, now: () => new Date(atMs) });
};
const availabilityOf = async (name: NodeName, atMs: number) => (await getNode(db, name, new Date(atMs))).availability;

it('is how often a node was connected when it was looked at, and nothing before that is known', async () => {
  const id = await addNode(steady, true);
  const never = NodeName.parse('never');
  await addNode(never, false);
  await sql`insert into processes (id, started_at, heartbeat_at)
    values (${process}, ${new Date(START)}, ${new Date(START)})`.execute(db);
  await look(START + MINUTE_MS);
  expect(await availabilityOf(steady, START), 'nodes come back first after a start').toBeNull();

  const connected = { node_id: id, process_id: process, connected_at: new Date(START) };
  await sql`insert into uplinks (node_id, process_id, connected_at)
    values (${connected.node_id}, ${connected.process_id}, ${connected.connected_at})`.execute(db);
  let atMs = START + 3 * MINUTE_MS;
  await look(atMs);
  await look(atMs + MINUTE_MS); // too soon for another look
  expect(await availabilityOf(steady, atMs)).toMatchObject({ day: 1, week: 1, at: new Date(atMs).toISOString() });
  expect(await availabilityOf(never, atMs)).toBeNull();

  await sql`delete from uplinks`.execute(db);
  for (let more = 0; more < 3; more++) {
    atMs += 6 * MINUTE_MS;
    await look(atMs);
  }
  expect(await availabilityOf(steady, atMs)).toMatchObject({ day: 0.25, week: 0.25 });

  atMs += 25 * 60 * MINUTE_MS; // for a day the authority did not run: that counts for nobody
  await sql`insert into uplinks (node_id, process_id, connected_at)
    values (${id}, ${process}, ${new Date(atMs)})`.execute(db);
  await look(atMs);
  expect(await availabilityOf(steady, atMs)).toMatchObject({ day: 1, week: 0.4 });
  await look(atMs + 9 * 24 * 60 * MINUTE_MS);
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from node_hours`.execute(db);
  expect(rows, 'what is older than a week is forgotten').toEqual([{ count: 1 }]);
});
