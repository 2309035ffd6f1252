import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

// Nodes join and slivers start here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let test: TestPlc;
let node: FakeNode;
let ada: TestPerson;
let bob: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  for (const name of ['demo', 'other']) await test.admin.createSite({ body: { name, title: `${name} & <Sons>` } });
  ada = await test.person('ada@example.org', [{ role: 'user', site: 'demo' }]);
  bob = await test.person('bob@example.org', [{ role: 'user', site: 'other' }]);
  const place = { city: 'Zürich', country: 'CH', latitude: 47.4, longitude: 8.5 };
  await test.admin.createNode({ body: { name: 'zurich', site: 'demo', place } });
  node = new FakeNode(await join(await test.invite('zurich'), { addresses: ['192.0.2.1', '127.0.0.1'] }));
  await node.connect();
  await test.admin.createNode({ body: { name: 'secret-name', site: 'other' } });
  await test.admin.createSlice({ body: { name: 'other_s', persons: [bob.email] } });
  await test.admin.addSlivers({ params: { slice: 'other_s' }, body: { nodes: ['zurich'] } });
  await eventually(
    () => test.admin.getSlice({ params: { slice: 'other_s' } }),
    ({ running }) => running === 1,
    60_000,
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

describe('an announcement', () => {
  const titles = async (client: TestPlc['admin'], over: 'true' | 'false' = 'false') =>
    (await client.listAnnouncements({ query: { over } })).items.map(({ title }) => title);

  it('reaches those whom it concerns, and nobody else', async () => {
    await test.admin.announce({ body: { title: 'For all' } });
    await test.admin.announce({ body: { title: 'For the site', site: 'demo' } });
    await test.admin.announce({ body: { title: 'For the slice', slice: 'other_s' } });
    const about = await test.admin.announce({ body: { title: 'For the node', node: 'zurich', mail: true } });
    expect(await titles(ada.client)).toEqual(['For the node', 'For the site', 'For all']);
    expect(await titles(bob.client)).toEqual(['For the node', 'For the slice', 'For all']);
    expect(about.mailed).toBe(3); // ada of its site, bob and the admin of a slice on it
    const { items } = await test.admin.listMails({ query: {} });
    expect(
      items
        .filter(({ kind }) => kind === 'announcement.made')
        .map(({ to }) => to as string)
        .toSorted(),
    ).toEqual(['ada@example.org', 'admin@planetlab.internal', 'bob@example.org']);
  });

  it('ends by itself, or when somebody says so, and stays on record', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    await test.admin.announce({ body: { title: 'Soon over', site: 'other', endsAt: inAnHour } });
    const justNow = new Date(Date.now() - 1000).toISOString();
    await test.admin.announce({ body: { title: 'Over', site: 'other', endsAt: justNow } });
    const { id } = await test.admin.announce({ body: { title: 'Broken', site: 'other', level: 'incident' } });
    expect(await titles(bob.client)).toEqual(expect.arrayContaining(['Soon over', 'Broken']));
    await test.admin.endAnnouncement({ params: { announcement: id } });
    const now = await titles(bob.client);
    expect(now).toContain('Soon over');
    expect(now).not.toContain('Over');
    expect(now).not.toContain('Broken');
    expect(await titles(bob.client, 'true')).toContain('Broken');
    await expect(test.admin.endAnnouncement({ params: { announcement: id } })).rejects.toMatchObject({
      code: 'unknown_announcement',
    });
  });

  it('is about one thing', async () => {
    const body = { title: 'x', site: 'demo', node: 'zurich' };
    await expect(test.admin.announce({ body })).rejects.toMatchObject({ code: 'malformed_request' });
    await expect(test.admin.announce({ body: { title: 'x', site: 'nowhere' } })).rejects.toMatchObject({
      code: 'unknown_site',
    });
  });
});

describe('the status page', () => {
  it('shows sums, sites and public announcements to anybody, and nothing else', async () => {
    await test.admin.announce({ body: { title: 'A <script>', text: 'Cable cut', level: 'incident', public: true } });
    await test.admin.announce({ body: { title: 'Only for us' } });
    const report = await eventually(
      () => test.withToken().getStatus({}),
      ({ announcements, running }) => announcements.length === 1 && running === 1,
      60_000,
    );
    expect(report).toMatchObject({
      nodes: { registered: 1, connected: 1, disconnected: 0 },
      slices: 1,
      running: 1,
      announcements: [{ title: 'A <script>', text: 'Cable cut', level: 'incident' }],
    });
    expect(report.sites.find(({ name }) => name === ('demo' as never))).toMatchObject({
      nodes: { connected: 1 },
      places: [{ city: 'Zürich' }],
    });
    const page = await fetch(`${test.plc.publicUrl}/status`);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(page.headers.get('content-security-policy')).toMatch(/default-src 'none'; style-src 'unsafe-inline'/);
    const html = await page.text();
    expect(html).toContain('There is an incident');
    expect(html).toContain('A &lt;script&gt;');
    expect(html).toContain('demo &amp; &lt;Sons&gt;');
    expect(html).not.toContain('<script');
    for (const text of [html, JSON.stringify(report)]) {
      for (const hidden of ['Only for us', 'secret-name', 'other_s', 'example.org', '192.0.2'])
        expect(text).not.toContain(hidden);
    }
  });
});

describe('the log of events', () => {
  const kinds = async (query: Record<string, string>, client = test.admin) =>
    (await client.listEvents({ query })).items.map(({ kind }) => kind);

  it('is searched by person: what they did, and what was done to them', async () => {
    await bob.client.createToken({ body: { label: 'mine' } });
    expect(await kinds({ person: 'bob@example.org' })).toEqual(
      expect.arrayContaining(['person.created', 'token.created', 'slice.created']),
    );
    expect(await kinds({ person: 'nobody@example.org' })).toEqual([]);
  });

  it('is searched by slice and node, together and alone', async () => {
    expect(await kinds({ slice: 'other_s' })).toEqual(
      expect.arrayContaining(['slice.created', 'slice.nodes-added', 'sliver.running']),
    );
    expect(await kinds({ node: 'zurich' })).toEqual(
      expect.arrayContaining(['node.registered', 'node.joined', 'slice.nodes-added', 'sliver.running']),
    );
    expect(await kinds({ node: 'zurich', slice: 'other_s' })).not.toContain('node.registered');
    expect(await kinds({ node: 'secret-name', slice: 'other_s' })).toEqual([]);
  });

  it('is searched by address: what happened on the node that has it', async () => {
    expect(await kinds({ address: '127.0.0.1' })).toEqual(expect.arrayContaining(['node.joined', 'sliver.running']));
    expect(await kinds({ address: '203.0.113.9' })).toEqual([]);
  });

  it('is searched by time', async () => {
    const now = new Date(Date.now() + 3_600_000).toISOString();
    expect(await kinds({ since: now })).toEqual([]);
    expect(await kinds({ until: now, slice: 'other_s' })).toContain('slice.created');
  });

  it('shows to everybody only what they may see, however they search', async () => {
    expect(await kinds({ node: 'secret-name' }, ada.client)).toEqual([]);
    expect(await kinds({ slice: 'other_s' }, ada.client)).not.toContain('slice.created');
    expect(await kinds({ slice: 'other_s' }, bob.client)).toContain('slice.created');
  });
});
