import { GroupName, type Tags } from '@planetlab/contract';
import { PersonEmail, PlanetLabError, type SliceName } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../store/database.ts';
import { FakeNode } from '../testing/fake-node.ts';
import { type JoinedNode, join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

const LEASE_MS = 3_000;
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')} ada`;

let test: TestPlc;
let count = 0;

beforeAll(async () => {
  test = await startTestPlc({ leaseMs: LEASE_MS });
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

async function connectedNode(): Promise<{ node: FakeNode; joined: JoinedNode }> {
  const joined = await join(await test.invite(`node${++count}`));
  const node = new FakeNode(joined);
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: node.name } }),
    (it) => it.state === 'connected',
  );
  return { node, joined };
}

async function newSlice(...nodes: FakeNode[]): Promise<SliceName> {
  const { name } = await test.admin.createSlice({ body: { name: `demo_s${++count}` } });
  if (nodes.length > 0) await add(name, ...nodes);
  return name;
}

const add = (slice: string, ...nodes: FakeNode[]) =>
  test.admin.addSlivers({ params: { slice }, body: { nodes: nodes.map(({ name }) => name) } });

const reaches = (slice: string, node: FakeNode, state: string) =>
  eventually(
    () => sliverOf(test.admin, slice, node.name),
    (it) => it?.state === state,
  );

const goes = (slice: string, node: FakeNode) =>
  eventually(
    () => sliverOf(test.admin, slice, node.name),
    (it) => it === undefined,
  );

it('brings a slice to running on several nodes at once, and says how long it took', async () => {
  const nodes = await Promise.all([connectedNode(), connectedNode(), connectedNode()]);
  const slice = await newSlice(...nodes.map(({ node }) => node));
  for (const { node } of nodes) {
    const sliver = await reaches(slice, node, 'running');
    expect(sliver?.timeToRunningMs).toBeGreaterThan(0);
    const { requestedAt = '', since = '' } = sliver ?? {};
    expect(sliver?.timeToRunningMs).toBeLessThanOrEqual(Date.parse(since) - Date.parse(requestedAt));
    expect(sliver?.ssh).toEqual({ host: '198.51.100.7', port: 22 });
    await node[Symbol.asyncDispose]();
  }
});

it('tells slivers their tags as they come to be, of slice, group and sliver, and when they go', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  await reaches(slice, node, 'running');
  const told = (tags: Tags | undefined) =>
    eventually(
      async () => node.tags.get(slice),
      (now) => JSON.stringify(now) === JSON.stringify(tags),
    );
  const params = { slice, tag: 'role' };
  const group = GroupName.parse(`group${++count}`);
  await test.admin.createGroup({ body: { name: group } });
  await test.admin.setSliceTag({ params, body: { value: 'slice' } });
  await told({ role: 'slice' });
  await test.admin.setSliceTag({ params, body: { value: 'group', group } });
  await test.admin.addNodeToGroup({ params: { group, node: node.name } });
  await told({ role: 'group' });
  await test.admin.setSliceTag({ params, body: { value: 'own', node: node.name } });
  await told({ role: 'own' });
  await test.admin.deleteSliceTag({ params, query: { node: node.name } });
  await told({ role: 'group' });
  await test.admin.deleteGroup({ params: { group } });
  await told({ role: 'slice' });
  await test.admin.deleteSliceTag({ params, query: {} });
  await told({});
  await node[Symbol.asyncDispose]();
});

it('asks again for a refused sliver when something ended on its node, and shows the node’s own reason until then', async () => {
  const { node } = await connectedNode();
  const first = await newSlice(node);
  await reaches(first, node, 'running');
  node.refusal = new PlanetLabError('insufficient_resources', 'There are only 12 MiB of memory left.');
  const second = await newSlice(node);
  const refused = await reaches(second, node, 'refused');
  expect(refused?.reason).toEqual({ code: 'insufficient_resources', message: 'There are only 12 MiB of memory left.' });
  node.refusal = undefined;
  await test.admin.removeSliver({ params: { slice: first, node: node.name } });
  await reaches(second, node, 'running');
  await node[Symbol.asyncDispose]();
});

it('renews leases in good time', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  const before = await reaches(slice, node, 'running');
  const renewed = await eventually(
    () => sliverOf(test.admin, slice, node.name),
    (it) => it?.leaseExpiresAt !== before?.leaseExpiresAt,
  );
  expect(renewed?.leaseId).toBe(before?.leaseId);
  expect(Date.parse(renewed?.leaseExpiresAt ?? '')).toBeGreaterThan(Date.parse(before?.leaseExpiresAt ?? ''));
  await node[Symbol.asyncDispose]();
});

it('ends the lease of a sliver that is taken off, and starts a new one when it is put on again', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  const first = await reaches(slice, node, 'running');
  await test.admin.removeSliver({ params: { slice, node: node.name } });
  await add(slice, node);
  const second = await eventually(
    () => sliverOf(test.admin, slice, node.name),
    (it) => it?.state === 'running' && it.leaseId !== first?.leaseId,
  );
  expect(second?.leaseId).not.toBe(first?.leaseId);
  await test.admin.deleteSlice({ params: { slice } });
  await goes(slice, node);
  expect(node.leases.size).toBe(0);
  await node[Symbol.asyncDispose]();
});

it('asks for a new lease when one ended without its doing', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  const first = await reaches(slice, node, 'running');
  node.end(slice);
  await reaches(slice, node, 'gone');
  const second = await reaches(slice, node, 'running');
  expect(second?.leaseId).not.toBe(first?.leaseId);
  await node[Symbol.asyncDispose]();
});

it('gives nodes the keys of a slice’s people, and takes them away with the key or the person', async () => {
  const { node } = await connectedNode();
  const ada = await test.person('ada@example.org', [{ role: 'user', site: 'demo' }]);
  await ada.client.addKey({ params: { person: ada.email }, body: { key: KEY } });
  const slice = await newSlice(node);
  await reaches(slice, node, 'running');
  const keys = () => Promise.resolve(node.access.get(slice));
  expect(await keys()).toEqual([]);
  await test.admin.addPersonToSlice({ params: { slice, person: ada.email } });
  await eventually(keys, (it) => it?.length === 1);
  expect(await keys()).toEqual([{ person: PersonEmail.parse(ada.email), key: KEY }]);
  const [key] = (await ada.client.listKeys({ params: { person: ada.email } })).items;
  await ada.client.deleteKey({ params: { person: ada.email, fingerprint: key?.fingerprint ?? '' } });
  await eventually(keys, (it) => it?.length === 0);
  await node[Symbol.asyncDispose]();
});

it('shows a lost node’s slivers as unreachable, and takes its leases over when it is back', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  const before = await reaches(slice, node, 'running');
  node.disconnect();
  const lost = await reaches(slice, node, 'unreachable');
  expect(lost?.reason?.message).toMatch(/disconnected since .* its lease holds until/);
  expect((await test.admin.getSlice({ params: { slice } })).running).toBe(0);
  await node.connect();
  const back = await reaches(slice, node, 'running');
  expect(back?.leaseId).toBe(before?.leaseId);
  await node[Symbol.asyncDispose]();
});

it('hears what a node did while it had no uplink', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  await reaches(slice, node, 'running');
  node.disconnect();
  await reaches(slice, node, 'unreachable');
  const reason = { code: 'sliver_not_running', message: 'Stopped by the node’s administrator.' } as const;
  node.report(slice, 'stopped', { reason });
  await node.connect();
  expect((await reaches(slice, node, 'stopped'))?.reason).toMatchObject(reason);
  await node[Symbol.asyncDispose]();
});

it('puts a sliver on a node as soon as the node connects', async () => {
  const joined = await join(await test.invite('late'));
  const node = new FakeNode(joined);
  const slice = await newSlice(node);
  await reaches(slice, node, 'unreachable');
  await node.connect();
  await reaches(slice, node, 'running');
  await node[Symbol.asyncDispose]();
});

it('does not believe a node about slices that are not placed on it', async () => {
  const { node: honest } = await connectedNode();
  const { node: liar } = await connectedNode();
  const slice = await newSlice(honest);
  const before = await reaches(slice, honest, 'running');
  const leaseId = before?.leaseId;
  if (leaseId == null) throw new Error('no lease');
  liar.report(slice, 'failed', { leaseId, reason: { code: 'step_failed', message: 'I say so.' } });
  const own = await newSlice(liar);
  await reaches(own, liar, 'running');
  expect(await sliverOf(test.admin, slice, honest.name)).toMatchObject({ state: 'running', reason: null });
  expect(await sliverOf(test.admin, slice, liar.name)).toBeUndefined();
  await honest[Symbol.asyncDispose]();
  await liar[Symbol.asyncDispose]();
});

it('makes an event of each notice of a node, once, and one mail a day to the slice’s people about each kind', async () => {
  const [{ node: first }, { node: second }] = await Promise.all([connectedNode(), connectedNode()]);
  const slice = await newSlice(first, second);
  await Promise.all([first, second].map((node) => reaches(slice, node, 'running')));
  const notice = (at: string, code = 'memory_limit') => ({ at, code, message: `It was short.\0` });
  const early = notice('2026-03-01T12:00:00.000Z');
  first.report(slice, 'running', { notices: [early] });
  first.report(slice, 'running', { notices: [early, notice('2026-03-01T12:00:10.000Z')] });
  second.report(slice, 'running', { notices: [early, notice('2026-03-01T12:00:10.000Z', 'slowed_down')] });
  const heard = async () =>
    (await test.admin.listEvents({ query: { limit: 100 } })).items.filter(
      ({ kind, subject }) => kind === 'sliver.noticed' && subject.startsWith(`${slice}@`),
    );
  const events = await eventually(heard, (items) => items.length >= 4);
  expect(events).toHaveLength(4);
  expect(events).toMatchObject(Array.from({ length: 4 }, () => ({ after: { message: 'It was short.' } })));
  const db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
  const mails = await db.selectFrom('mails').selectAll().where('kind', '=', 'sliver.noticed').orderBy('at').execute();
  await db.destroy();
  expect(mails.map(({ recipient }) => recipient)).toEqual(['admin@planetlab.internal', 'admin@planetlab.internal']);
  expect(mails[0]?.text).toContain(`pl events --subject ${slice}@`);
  await Promise.all([first, second].map((node) => node[Symbol.asyncDispose]()));
});

it('changes the leases of a slice on all its nodes; one that refuses keeps what it had and says why', async () => {
  const { node: willing } = await connectedNode();
  const { node: full } = await connectedNode();
  const slice = await newSlice(willing);
  await test.admin.addSlivers({ params: { slice }, body: { nodes: [full.name] } });
  const before = await reaches(slice, willing, 'running');
  await reaches(slice, full, 'running');
  full.refusal = new PlanetLabError('insufficient_resources', 'This node has 0 MiB of memory left to promise.');
  const changed = await test.admin.changeResources({ params: { slice }, body: { memoryMiB: 512 } });
  expect(changed.resources).toMatchObject({ memoryMiB: 512, diskMiB: 5000 });
  const held = (node: FakeNode) => [...node.leases.values()][0];
  await expect.poll(() => held(willing)?.resources.memoryMiB).toBe(512);
  expect(held(willing)?.id).toBe(before?.leaseId);
  const reason = async () => (await sliverOf(test.admin, slice, full.name))?.reason?.message;
  await expect.poll(reason).toMatch(/^It keeps the resources that it had: This node has 0 MiB/);
  full.report(slice, 'running', { ipv6: 'fd00::9' });
  await expect.poll(async () => (await sliverOf(test.admin, slice, full.name))?.ipv6).toBe('fd00::9');
  expect(await reason(), 'after its next report').toMatch(/^It keeps/);
  expect(held(full)?.resources.memoryMiB).toBe(256);
  await test.admin.changeResources({ params: { slice }, body: { memoryMiB: 256 } });
  await expect.poll(reason).toBeUndefined();
  await expect.poll(() => held(willing)?.resources.memoryMiB).toBe(256);
  await willing[Symbol.asyncDispose]();
  await full[Symbol.asyncDispose]();
});

it('takes over what it leased before when it starts again', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  const before = await reaches(slice, node, 'running');
  await test.restart();
  await reaches(slice, node, 'unreachable');
  const dialled = new URL(`https://${test.plc.nodeAddress}`);
  const again = node.at(dialled.hostname, Number(dialled.port));
  await again.connect();
  const after = await reaches(slice, again, 'running');
  expect(after?.leaseId).toBe(before?.leaseId);
  expect(after?.timeToRunningMs).toBe(before?.timeToRunningMs);
  await again[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

it('is told of a node’s slivers again only when they are not as they were', async () => {
  const { node } = await connectedNode();
  const slices = [await newSlice(node), await newSlice(node)] as const;
  for (const slice of slices) await reaches(slice, node, 'running');
  const comesBack = async (meanwhile: () => void) => {
    node.disconnect();
    await reaches(slices[0], node, 'unreachable');
    meanwhile();
    const before = node.watches;
    await node.connect();
    await eventually(
      async () => node.watches,
      (watches) => watches > before,
    );
  };
  await comesBack(() => {});
  await reaches(slices[0], node, 'running');
  node.report(slices[0], 'failed');
  await reaches(slices[0], node, 'failed');
  expect(node.told).toBe(0);
  await comesBack(() => node.report(slices[1], 'stopped', { ipv4: null }));
  expect((await reaches(slices[1], node, 'stopped'))?.ipv4).toBeNull();
  await reaches(slices[0], node, 'failed');
  expect(node.told).toBe(2);
  await node[Symbol.asyncDispose]();
});

it('ends a deleted node’s slivers and then lets it go', async () => {
  const { node } = await connectedNode();
  const slice = await newSlice(node);
  await reaches(slice, node, 'running');
  const closed = node.closed();
  await test.admin.deleteNode({ params: { node: node.name } });
  await closed;
  expect(node.leases.size).toBe(0);
  await node[Symbol.asyncDispose]();
});

it('asks a node manager that knows no requests for many leases for each by itself', async () => {
  const { node } = await connectedNode();
  node.knowsManyAtOnce = false;
  const slices = [await newSlice(node), await newSlice(node)];
  for (const slice of slices) await reaches(slice, node, 'running');
  expect(node.requests.filter((request) => request.startsWith('POST /v1/leases by'))).toHaveLength(2);
  await node[Symbol.asyncDispose]();
});
