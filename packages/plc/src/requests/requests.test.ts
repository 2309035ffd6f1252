import { DAY_MS, HOUR_MS } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keepHouse } from '../broker/housekeeping.ts';
import { openDatabase } from '../store/database.ts';
import { startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let user: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
});
afterAll(() => test[Symbol.asyncDispose]());

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function send(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  const reply = await fetch(test.plc.publicUrl + path, {
    method,
    headers: {
      authorization: `Bearer ${user.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, body: text === '' ? {} : JSON.parse(text) };
}
const keyed = (key: string) => ({ 'idempotency-key': key });
let count = 0;
async function slice(): Promise<string> {
  const name = `demo_r${++count}`;
  await user.client.createSlice({ body: { name } });
  return `/v1/slices/${name}`;
}
const eventsOf = async (subject: string) =>
  (await test.admin.listEvents({ query: { subject } })).items.map(({ kind }) => kind);

describe('a change with an Idempotency-Key', () => {
  it('is made once, however often it is sent, and answered alike', async () => {
    const body = { name: 'demo_once' };
    const first = await send('POST', '/v1/slices', body, keyed('k1'));
    const again = await send('POST', '/v1/slices', body, keyed('k1'));
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('location')).toBe('/v1/slices/demo_once');
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await eventsOf('demo_once')).toEqual(['slice.created']);
  });

  it('is made once when it is sent ten times at the same moment', async () => {
    const ten = Array.from({ length: 10 }, () => send('POST', '/v1/slices', { name: 'demo_ten' }, keyed('k2')));
    const replies = await Promise.all(ten);
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([201]));
    expect(replies.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(await eventsOf('demo_ten')).toEqual(['slice.created']);
  });

  it('may be tried again after it failed, for then nothing was done', async () => {
    const body = { name: 'demo_again', persons: ['nobody@example.org'] };
    expect((await send('POST', '/v1/slices', body, keyed('k3'))).status).toBe(403);
    expect((await send('POST', '/v1/slices', { name: 'demo_again' }, keyed('k3'))).status).toBe(201);
  });

  it('is refused when the key was used for something else, by the same person only', async () => {
    await send('POST', '/v1/slices', { name: 'demo_key' }, keyed('k4'));
    const other = await send('POST', '/v1/slices', { name: 'demo_other' }, keyed('k4'));
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
    const reply = await send(
      'POST',
      '/v1/slices',
      { name: 'demo_admin' },
      {
        ...keyed('k4'),
        authorization: `Bearer ${test.adminToken}`,
      },
    );
    expect(reply.status).toBe(201);
  });

  it('does not keep a reply with a secret: it says that the change was made', async () => {
    const body = { label: 'once' };
    const first = await send('POST', '/v1/tokens', body, keyed('k5'));
    expect(first.status).toBe(201);
    const again = await send('POST', '/v1/tokens', body, keyed('k5'));
    expect(again).toMatchObject({ status: 409, body: { code: 'idempotency_reply_gone' } });
    const db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
    const rows = await db.selectFrom('idempotency_keys').selectAll().execute();
    await db.destroy();
    expect(JSON.stringify(rows)).not.toContain(String(first.body['token']));
  });

  it('outlives a restart of the PLC, and a day', async () => {
    const body = { name: 'demo_restart' };
    await send('POST', '/v1/slices', body, keyed('k6'));
    await test.restart();
    expect((await send('POST', '/v1/slices', body, keyed('k6'))).headers.get('idempotency-replayed')).toBe('true');
    const db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
    await keepHouse({ db, now: () => new Date(Date.now() + DAY_MS + 1000) }, HOUR_MS);
    await db.destroy();
    expect(await send('POST', '/v1/slices', body, keyed('k6'))).toMatchObject({
      status: 409,
      body: { code: 'already_exists' },
    });
  });

  it('is refused with a key that is none', async () => {
    for (const key of ['', 'x'.repeat(201), 'with space'])
      expect((await send('POST', '/v1/slices', { name: 'demo_x' }, keyed(key))).status).toBe(400);
  });
});

describe('an ETag', () => {
  it('lets a change be made only while the thing is as it was read', async () => {
    const path = await slice();
    const read = (await send('GET', path)).headers.get('etag') ?? '';
    const change = (memoryMiB: number) => send('PUT', `${path}/resources`, { memoryMiB }, { 'if-match': read });
    expect((await change(300)).status).toBe(200);
    const late = await change(400);
    expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
    expect((await send('GET', path)).body).toMatchObject({ resources: { memoryMiB: 300 } });
    expect((await send('PUT', `${path}/resources`, { memoryMiB: 400 }, { 'if-match': '*' })).status).toBe(200);
  });

  it('lets one of many that read the same thing change it', async () => {
    const path = await slice();
    const etag = (await send('GET', path)).headers.get('etag') ?? '';
    const many = Array.from({ length: 12 }, (_, index) =>
      send('PUT', `${path}/resources`, { memoryMiB: 300 + index }, { 'if-match': etag }),
    );
    const statuses = (await Promise.all(many)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(11);
  });

  it('stays while only slivers come and go', async () => {
    const path = await slice();
    const before = (await send('GET', path)).headers.get('etag');
    await test.admin.createNode({ body: { name: `n${count}`, site: 'demo' } });
    await send('POST', `${path}/slivers`, { nodes: [`n${count}`] });
    expect((await send('GET', path)).headers.get('etag')).toBe(before);
  });

  it('saves sending what the reader has, where it covers the whole', async () => {
    const me = await send('GET', '/v1/me');
    const same = await send('GET', '/v1/me', undefined, { 'if-none-match': me.headers.get('etag') ?? '' });
    expect([same.status, same.body]).toEqual([304, {}]);
  });

  it('has nothing to say of what is only made', async () => {
    expect((await send('POST', '/v1/slices', { name: 'demo_if' }, { 'if-match': '"x"' })).status).toBe(412);
  });
});

it('pages lead through every key and token once', async () => {
  for (const label of ['a', 'b', 'c']) await user.client.createToken({ body: { label } });
  const labels: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await user.client.listTokens({ query: { limit: 1, after } });
    labels.push(...page.items.map(({ label }) => label));
    if (page.next === null) break;
    after = page.next;
  }
  expect(labels).toEqual(['test', 'once', 'a', 'b', 'c']);
  expect((await send('GET', '/v1/tokens?after=nonsense')).status).toBe(400);
});

describe('limits', () => {
  it('are told with every answer, by person', async () => {
    const remaining = (reply: Reply) => Number(reply.headers.get('ratelimit-remaining'));
    const [first, second] = [await send('GET', '/v1/me'), await send('GET', '/v1/me')];
    expect(first.headers.get('ratelimit-limit')).toBe('12000');
    expect(remaining(second)).toBeLessThan(remaining(first));
    const other = await send('GET', '/v1/me', undefined, { authorization: `Bearer ${test.adminToken}` });
    expect(Number(other.headers.get('ratelimit-reset'))).toBeGreaterThan(0);
  });

  it('hold, and say when to go on', async () => {
    await using tight = await startTestPlc({ requestsPerMinute: 5 });
    const ask = (token?: string) =>
      fetch(
        `${tight.plc.publicUrl}/v1/me`,
        token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
      );
    const statuses: number[] = [];
    for (let i = 0; i < 7; i++) statuses.push((await ask(tight.adminToken)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const refused = await ask(tight.adminToken);
    expect(await refused.json()).toMatchObject({ code: 'too_many_requests' });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await ask()).status).toBe(401); // counted by address, apart from those who are signed in
  });
});
