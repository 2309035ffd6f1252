import { DAY_MS, type ErrorCode, isPlanetLabError, MINUTE_MS, WEEK_MS } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { keepHouse } from '../broker/housekeeping.ts';
import { openDatabase } from '../store/database.ts';
import { eventually, sliverOf, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let pi: TestPerson;
let user: TestPerson;
let stranger: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await test.admin.createSite({ body: { name: 'other', title: 'Other' } });
  pi = await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
  stranger = await test.person('stranger@example.org', [{ role: 'pi', site: 'other' }]);
  await test.admin.createNode({ body: { name: 'n1', site: 'demo' } });
  await test.admin.createNode({ body: { name: 'n2', site: 'demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

async function code(attempt: Promise<unknown>): Promise<ErrorCode> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPlanetLabError(error)) throw new Error(`expected a refusal, got ${error}`);
  return error.code;
}
const later = (ms: number) => new Date(Date.now() + ms).toISOString();

it('are created by users and PIs of the site that their name begins with, and live two weeks', async () => {
  const slice = await pi.client.createSlice({ body: { name: 'demo_one', persons: [user.email] } });
  expect(slice).toMatchObject({ site: 'demo', image: 'debian-12', persons: [pi.email, user.email], slivers: 0 });
  expect(Date.parse(slice.expiresAt) - Date.parse(slice.createdAt)).toBe(2 * WEEK_MS);
  expect(await code(user.client.createSlice({ body: { name: 'demo_one' } }))).toBe('already_exists');
  expect(await code(user.client.createSlice({ body: { name: 'other_one' } }))).toBe('forbidden');
  expect(await code(user.client.createSlice({ body: { name: 'nowhere_one' } }))).toBe('unknown_site');
  expect(await code(pi.client.createSlice({ body: { name: 'demo_two', persons: ['x@example.org'] } }))).toBe(
    'unknown_person',
  );
  expect(await code(user.client.createSlice({ body: { name: 'demo_two', persons: [pi.email] } }))).toBe('forbidden');
  expect((await user.client.createSlice({ body: { name: 'demo_own' } })).persons).toEqual([user.email]);
  expect(await code(user.client.createSlice({ body: { name: 'Demo' } }))).toBe('malformed_name');
  expect(await code(user.client.getSlice({ params: { slice: 'demo_two' } }))).toBe('unknown_slice');
});

it('are nobody else’s business', async () => {
  const { client } = stranger;
  const params = { slice: 'demo_one' };
  expect((await client.listSlices({ query: {} })).items).toEqual([]);
  expect(await code(client.getSlice({ params }))).toBe('forbidden');
  expect(await code(client.renewSlice({ params, body: { expiresAt: later(DAY_MS) } }))).toBe('forbidden');
  expect(await code(client.addSlivers({ params, body: { nodes: ['n1'] } }))).toBe('forbidden');
  expect(await code(client.deleteSlice({ params }))).toBe('forbidden');
  expect(await code(client.addPersonToSlice({ params: { ...params, person: stranger.email } }))).toBe('forbidden');
});

it('say what they are for, and then are renewed up to eight weeks ahead; admins may go further', async () => {
  const params = { slice: 'demo_one' };
  const nextWeek = { params, body: { expiresAt: later(WEEK_MS) } };
  expect(await code(user.client.renewSlice(nextWeek))).toBe('slice_not_described');
  await user.client.changeSlice({ params, body: { description: 'Says hello', url: 'https://example.org' } });
  const renewed = await user.client.renewSlice({ params, body: { expiresAt: later(7 * WEEK_MS) } });
  expect(Date.parse(renewed.expiresAt)).toBeGreaterThan(Date.now() + 6 * WEEK_MS);
  expect(await code(pi.client.renewSlice({ params, body: { expiresAt: later(9 * WEEK_MS) } }))).toBe('renewal_too_far');
  expect(await code(pi.client.renewSlice({ params, body: { expiresAt: later(-DAY_MS) } }))).toBe('malformed_request');
  await test.admin.renewSlice({ params, body: { expiresAt: later(20 * WEEK_MS) } });
});

it('get and lose people by the PIs of their site', async () => {
  const params = { slice: 'demo_one', person: stranger.email };
  expect(await code(user.client.addPersonToSlice({ params }))).toBe('forbidden');
  expect((await pi.client.addPersonToSlice({ params })).persons).toContain(stranger.email);
  expect((await stranger.client.getSlice({ params })).name).toBe('demo_one');
  expect((await stranger.client.listSlices({ query: {} })).items).toHaveLength(1);
  expect((await stranger.client.removePersonFromSlice({ params })).persons).not.toContain(stranger.email);
  expect(await code(pi.client.removePersonFromSlice({ params }))).toBe('unknown_person');
});

it('are put on nodes, at once known as wanted there', async () => {
  const params = { slice: 'demo_one' };
  const { items } = await user.client.addSlivers({ params, body: { nodes: ['n1', 'n2'] } });
  expect(items.map(({ node, state }) => [node, state])).toEqual([
    ['n1', 'unreachable'],
    ['n2', 'unreachable'],
  ]);
  expect(items[0]?.reason?.message).toContain('has not joined yet');
  const again = await user.client.addSlivers({ params, body: { nodes: ['n1'] } });
  expect(again.items[0]?.requestedAt).toBe(items[0]?.requestedAt);
  expect((await user.client.getSlice({ params })).slivers).toBe(2);
  const unknown = user.client.addSlivers({ params, body: { nodes: ['n1', 'n3', 'n4'] } });
  await expect(unknown).rejects.toMatchObject({ code: 'unknown_node', details: { nodes: ['n3', 'n4'] } });
  const page = await user.client.listSlivers({ query: { limit: 1 } });
  expect(page.next).toBe('demo_one@n1');
  expect((await user.client.listSlivers({ query: { after: page.next ?? '' } })).items).toMatchObject([{ node: 'n2' }]);
  expect((await stranger.client.listSlivers({ query: {} })).items).toEqual([]);
});

it('are taken off nodes', async () => {
  const params = { slice: 'demo_one', node: 'n2' };
  await user.client.removeSliver({ params });
  expect(await code(user.client.removeSliver({ params }))).toBe('unknown_sliver');
  expect((await user.client.getSlice({ params })).slivers).toBe(1);
});

it('are on at most a hundred nodes unless an admin or PI says so, or raises the limit', async () => {
  const nodes = Array.from({ length: 101 }, (_, i) => `many${i}`);
  for (const name of nodes) await test.admin.createNode({ body: { name, site: 'demo' } });
  await user.client.createSlice({ body: { name: 'demo_many' } });
  const params = { slice: 'demo_many' };
  expect(await code(user.client.addSlivers({ params, body: { nodes } }))).toBe('quota_exceeded');
  expect(await code(user.client.changeSlice({ params, body: { maxNodes: 200 } }))).toBe('forbidden');
  await pi.client.changeSlice({ params, body: { maxNodes: 101 } });
  expect((await user.client.addSlivers({ params, body: { nodes } })).items).toHaveLength(101);
  await pi.client.changeSlice({ params, body: { maxNodes: 100 } });
  expect((await pi.client.addSlivers({ params, body: { nodes } })).items).toHaveLength(101);
});

it('are as many at a site as an admin lets it have', async () => {
  const { slices } = await test.admin.changeSite({ params: { site: 'demo' }, body: { maxSlices: 0 } });
  const attempt = () => user.client.createSlice({ body: { name: 'demo_more' } });
  expect(await code(attempt())).toBe('quota_exceeded');
  await test.admin.changeSite({ params: { site: 'demo' }, body: { maxSlices: slices + 1 } });
  await attempt();
  expect(await code(pi.client.createSlice({ body: { name: 'demo_evenmore' } }))).toBe('quota_exceeded');
  await test.admin.changeSite({ params: { site: 'demo' }, body: { maxSlices: null } });
});

it('end when they expire, after a warning, and cannot be used or renewed after that', async () => {
  await user.client.createSlice({ body: { name: 'demo_short' } });
  const params = { slice: 'demo_short' };
  await user.client.addSlivers({ params, body: { nodes: ['n1'] } });
  test.advance(3 * WEEK_MS);
  const fresh = await test.admin.createToken({ body: { label: 'later', person: user.email } });
  const client = test.withToken(fresh.token);
  expect(await code(client.addSlivers({ params, body: { nodes: ['n2'] } }))).toBe('slice_expired');
  const end = new Date(Date.now() + 4 * WEEK_MS).toISOString();
  expect(await code(client.renewSlice({ params, body: { expiresAt: end } }))).toBe('slice_expired');
  const db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
  const told = async (afterMs: number) => {
    await keepHouse({ db, now: () => new Date(Date.now() + afterMs) }, 1000);
    const about = db.selectFrom('mails').select(['kind', 'recipient']).where('subject', 'like', '%demo_short%');
    return about.orderBy('at').execute();
  };
  expect(await told(8 * DAY_MS)).toEqual([]);
  const warning = { kind: 'slice.expires', recipient: user.email };
  expect(await told(10 * DAY_MS)).toEqual([warning]);
  expect(await told(11 * DAY_MS)).toEqual([warning]);
  const farewell = { kind: 'slice.expired', recipient: user.email };
  expect(await told(3 * WEEK_MS)).toEqual([warning, farewell]);
  expect(await told(3 * WEEK_MS)).toEqual([warning, farewell]);
  expect(await sliverOf(test.admin, 'demo_short', 'n1')).toBeUndefined();
  // the operation that put it on a node ends at about the same time
  const { items: happened } = await test.admin.listEvents({ query: { subject: 'demo_short' } });
  expect(happened).toContainEqual(expect.objectContaining({ kind: 'slice.expired', actor: 'service:plc' }));
  await db.destroy();
  test.advance(-3 * WEEK_MS);
});

it('are deleted with their slivers; the name is free again, and what was stays in the log', async () => {
  const params = { slice: 'demo_one' };
  await user.client.deleteSlice({ params });
  expect(await code(user.client.getSlice({ params }))).toBe('unknown_slice');
  const again = await pi.client.createSlice({ body: { name: 'demo_one' } });
  expect(again.persons).toEqual([pi.email]);
  const { items } = await test.admin.listEvents({ query: { subject: 'demo_one' } });
  expect(items.map(({ kind }) => kind)).toContain('slice.deleted');
});

it('are watched by those who may see them, and by nobody else', async () => {
  const stop = new AbortController();
  const heard = { pi: [] as string[], stranger: [] as string[] };
  const follow = async (who: TestPerson, into: string[]) => {
    try {
      for await (const { type, name } of await who.client.watch({}, { signal: stop.signal }))
        into.push(`${type} ${name}`);
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  };
  const following = [follow(pi, heard.pi), follow(stranger, heard.stranger)];
  await new Promise((resolve) => setTimeout(resolve, 200));
  // one after the other: what is made and gone within the same moment is not told
  const hears = (line: string) =>
    eventually(
      () => Promise.resolve(heard),
      (it) => it.pi.includes(line) && it.stranger.includes('site demo'),
    );
  await pi.client.createSlice({ body: { name: 'demo_watched' } });
  await hears('slice demo_watched');
  await pi.client.addSlivers({ params: { slice: 'demo_watched' }, body: { nodes: ['n1'] } });
  await hears('sliver demo_watched@n1');
  await pi.client.deleteSlice({ params: { slice: 'demo_watched' } });
  expect(heard.stranger.filter((line) => line.includes('watched'))).toEqual([]);
  stop.abort();
  await Promise.all(following);
});

it('are heard of only as long as the token is good that the stream was opened with', async () => {
  const made = await pi.client.createToken({ body: { label: 'watcher' } });
  const stream = await test.withToken(made.token).watch({});
  const heard: string[] = [];
  const watching = (async () => {
    for await (const { name } of stream) heard.push(name);
  })();
  await pi.client.createSlice({ body: { name: 'demo_before' } });
  await eventually(
    () => Promise.resolve(heard),
    (names) => names.includes('demo_before'),
  );
  await pi.client.deleteToken({ params: { token: made.id } });
  test.advance(MINUTE_MS);
  await pi.client.createSlice({ body: { name: 'demo_after' } });
  await watching;
  expect(heard).not.toContain('demo_after');
  test.advance(-MINUTE_MS);
});

it('that take the name of a deleted one keep their events from the people of the old one', async () => {
  const body = { name: 'demo_name' };
  await pi.client.createSlice({ body: { ...body, persons: [stranger.email] } });
  const params = { slice: body.name };
  await pi.client.deleteSlice({ params });
  await pi.client.createSlice({ body: { ...body, description: 'of others' } });
  const ask = { query: { subject: body.name } };
  expect((await stranger.client.listEvents(ask)).items.map(({ kind }) => kind)).toEqual([
    'slice.deleted',
    'slice.created',
  ]);
  expect((await pi.client.listEvents(ask)).items).toHaveLength(3);
});
