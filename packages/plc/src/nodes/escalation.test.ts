import { DAY_MS, HOUR_MS } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepHouse } from '../broker/housekeeping.ts';
import { openDatabase } from '../store/database.ts';
import type { Db } from '../store/schema.ts';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let db: Db;
let tech: TestPerson;
let user: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  tech = await test.person('tech@example.org', [{ role: 'tech', site: 'demo' }]);
  await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
});
afterAll(async () => {
  await db.destroy();
  await test[Symbol.asyncDispose]();
});

/** What housekeeping does so long from now. */
const after = (ms: number) => keepHouse({ db, now: () => new Date(Date.now() + ms) }, 1000);
const told = async (kind: string) => {
  const rows = await db.selectFrom('mails').select('recipient').where('kind', '=', kind).orderBy('at').execute();
  return rows.map(({ recipient }) => recipient.split('@')[0]).toSorted();
};
const connected = async (name: string): Promise<FakeNode> => {
  const node = new FakeNode(await join(await test.invite(name)));
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: name } }),
    ({ state, facts }) => state === 'connected' && facts !== null,
    30_000,
  );
  return node;
};
const site = () => test.admin.getSite({ params: { site: 'demo' } });
const slice = () => test.admin.getSlice({ params: { slice: 'demo_a' } });

it('goes from the techs to everyone for a node that stays away, and ends when it is back', async () => {
  await user.client.createSlice({ body: { name: 'demo_a' } });
  await test.admin.renewSlice({
    params: { slice: 'demo_a' },
    body: { expiresAt: new Date(Date.now() + 300 * DAY_MS).toISOString() },
  });
  const first = await connected('tokyo');
  first.disconnect();
  await eventually(
    () => test.admin.getNode({ params: { node: 'tokyo' } }),
    ({ state }) => state === 'disconnected',
    30_000,
  );
  await after(6 * DAY_MS);
  expect(await told('node.dead')).toEqual([]);
  for (const hours of [1, 2]) await after(7 * DAY_MS + hours * HOUR_MS);
  expect(await told('node.dead')).toEqual(['tech']);
  expect((await site()).closed).toBeNull();
  await after(15 * DAY_MS);
  expect(await told('node.dead')).toEqual(['pi', 'tech', 'tech']);
  expect((await site()).closed?.message).toContain('"tokyo"');
  await expect(user.client.createSlice({ body: { name: 'demo_b' } })).rejects.toMatchObject({ code: 'site_closed' });
  await after(22 * DAY_MS);
  expect(await told('node.dead')).toEqual(['pi', 'pi', 'tech', 'tech', 'tech', 'user']);
  expect((await slice()).suspensions).toMatchObject([{ cause: 'escalation', by: 'service:plc' }]);
  const back = await connected('tokyo');
  await after(0);
  expect([(await site()).closed, (await slice()).suspensions]).toEqual([null, []]);
  await back[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
});

it('leaves alone what its people have taken out of service', async () => {
  await tech.client.setRunLevel({ params: { node: 'tokyo' }, body: { runLevel: 'disabled' } });
  const before = await told('node.dead');
  await after(25 * DAY_MS);
  expect(await told('node.dead')).toEqual(before);
  expect((await site()).closed).toBeNull();
  await tech.client.setRunLevel({ params: { node: 'tokyo' }, body: { runLevel: 'boot' } });
});

it('moves slivers off a drained node when their slice has a selector, and tells the people of others once', async () => {
  const nodes = [await connected('zurich'), await connected('paris')];
  for (const name of ['demo_moves', 'demo_stays']) await user.client.createSlice({ body: { name } });
  const { selection } = await user.client.selectSlivers({
    params: { slice: 'demo_moves' },
    body: { where: 'name == "zurich" || name == "paris"', count: 1, keep: true },
  });
  const from = String(selection.chosen[0]);
  const to = from === 'zurich' ? 'paris' : 'zurich';
  await user.client.addSlivers({ params: { slice: 'demo_stays' }, body: { nodes: [from] } });
  const reaches = (name: string, on: string, state: string | undefined) =>
    eventually(
      () => sliverOf(test.admin, name, on),
      (found) => found?.state === state,
      30_000,
    );
  for (const name of ['demo_moves', 'demo_stays']) await reaches(name, from, 'running');
  await tech.client.drainNode({ params: { node: from }, body: { reason: 'repair' } });
  await after(0);
  await reaches('demo_moves', to, 'running');
  await after(0);
  await reaches('demo_moves', from, undefined);
  expect(await told('node.drain')).toEqual(['user']);
  expect(await sliverOf(test.admin, 'demo_stays', from)).toMatchObject({ state: 'running' });
  for (const node of nodes) await node[Symbol.asyncDispose]();
});

it('renews the certificate of a node that is connected months before its end', async () => {
  const joined = await join(await test.invite('oslo'));
  const before = (await test.admin.getNode({ params: { node: 'oslo' } })).certificateExpiresAt ?? '';
  test.advance(300 * DAY_MS);
  const node = new FakeNode(joined);
  node.clockAheadMs = 300 * DAY_MS;
  await node.connect();
  await eventually(
    async () => node.certificate,
    (certificate) => certificate !== undefined,
    30_000,
  );
  const row = await eventually(
    () =>
      db
        .selectFrom('nodes')
        .select('certificate_expires_at')
        .where('name', '=', 'oslo' as never)
        .executeTakeFirst(),
    (found) => (found?.certificate_expires_at?.toISOString() ?? '') > before,
    30_000,
  );
  expect(row?.certificate_expires_at?.getTime()).toBeGreaterThan(Date.parse(before) + 200 * DAY_MS);
  await node[Symbol.asyncDispose]();
  test.advance(-300 * DAY_MS);
});
