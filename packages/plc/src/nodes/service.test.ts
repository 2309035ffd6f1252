import { PassThrough } from 'node:stream';
import type { ExecBackend } from '@planetlab/contract/server';
import { type ErrorCode, NodeName, PlanetLabError } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

// Nodes join, slivers start and reboots have their turn every few seconds here.
vi.setConfig({ testTimeout: 120_000 });

let test: TestPlc;
let pi: TestPerson;
let tech: TestPerson;
let user: TestPerson;
let node: FakeNode;
let params: { node: NodeName };
let count = 0;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  pi = await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  tech = await test.person('tech@example.org', [{ role: 'tech', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
  node = new FakeNode(await join(await test.invite('tokyo')));
  params = { node: node.name };
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params }),
    ({ state, facts }) => state === 'connected' && facts !== null,
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const fails = (attempt: Promise<unknown>, code: ErrorCode) => expect(attempt).rejects.toMatchObject({ code });

async function newSlice(on = node.name): Promise<string> {
  const { name } = await user.client.createSlice({ body: { name: `demo_s${++count}` } });
  await user.client.addSlivers({ params: { slice: name }, body: { nodes: [on] } });
  return name;
}

const reaches = (slice: string, state: string, on = node.name) =>
  eventually(
    () => sliverOf(test.admin, slice, on),
    (sliver) => sliver?.state === state,
    30_000,
  );

/** A program that has ended at once. */
function ended(code: number): ExecBackend {
  const stream = () => new PassThrough().end();
  const streams = { stdin: new PassThrough(), stdout: stream(), stderr: stream() };
  return { ...streams, exit: Promise.resolve({ code }), resize: () => {}, kill: () => {} };
}

const leaseOf = (slice: string) =>
  [...node.leases.values()].find((lease) => lease.slice === (slice as typeof lease.slice));

describe('a suspended slice', () => {
  it('has its slivers stopped under the same leases, gets no new ones, and runs again when it is resumed', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    const before = leaseOf(slice)?.id;
    const suspended = await pi.client.suspendSlice({ params: { slice }, body: { reason: 'it scans ports' } });
    expect(suspended.suspensions).toMatchObject([
      { cause: 'people', reason: 'it scans ports', by: 'person:pi@example.org' },
    ]);
    const stopped = await reaches(slice, 'stopped');
    expect(stopped?.reason?.message).toBe('The slice is suspended: it scans ports');
    expect(leaseOf(slice)).toMatchObject({ id: before, stopped: 'The slice is suspended: it scans ports' });
    await fails(user.client.resumeSlice({ params: { slice } }), 'forbidden');
    expect((await pi.client.resumeSlice({ params: { slice } })).suspensions).toEqual([]);
    await reaches(slice, 'running');
    expect(leaseOf(slice)).toMatchObject({ id: before });
    expect(leaseOf(slice)?.stopped).toBeUndefined();
  });

  it('is not put on other nodes meanwhile: its slivers wait, and say why', async () => {
    const { name: slice } = await user.client.createSlice({ body: { name: `demo_s${++count}` } });
    await test.admin.suspendSlice({ params: { slice }, body: { reason: 'under investigation' } });
    await fails(pi.client.resumeSlice({ params: { slice } }), 'forbidden');
    await user.client.addSlivers({ params: { slice }, body: { nodes: [node.name] } });
    expect((await reaches(slice, 'refused'))?.reason).toEqual({
      code: 'slice_suspended',
      message: 'The slice is suspended: under investigation',
    });
    await test.admin.resumeSlice({ params: { slice } });
    await reaches(slice, 'running');
  });
});

describe('a node', () => {
  it('in quarantine has its slivers stopped and gets no new ones, until who put it there takes it out', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    const { quarantine } = await test.admin.quarantineNode({ params, body: { reason: 'it sends spam' } });
    expect(quarantine).toMatchObject({ reason: 'it sends spam' });
    expect((await reaches(slice, 'stopped'))?.reason?.message).toContain('in quarantine');
    const later = await newSlice();
    expect((await reaches(later, 'refused'))?.reason?.code).toBe('node_quarantined');
    await fails(tech.client.endQuarantine({ params }), 'forbidden');
    expect((await test.admin.endQuarantine({ params })).quarantine).toBeNull();
    await reaches(slice, 'running');
    await reaches(later, 'running');
  });

  it('that is drained keeps its slivers and takes no new ones', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    await tech.client.drainNode({ params, body: { reason: 'a new disk' } });
    const later = await newSlice();
    expect((await reaches(later, 'refused'))?.reason?.message).toContain('a new disk');
    expect(await sliverOf(test.admin, slice, node.name)).toMatchObject({ state: 'running' });
    await tech.client.undrainNode({ params });
    await reaches(later, 'running');
  });

  it('has its slivers stopped at safeboot, ended at reinstall, and made anew at boot', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    const lease = leaseOf(slice)?.id;
    await tech.client.setRunLevel({ params, body: { runLevel: 'safeboot', reason: 'odd noises' } });
    expect((await reaches(slice, 'stopped'))?.reason?.message).toContain('odd noises');
    const { runLevel } = await tech.client.setRunLevel({ params, body: { runLevel: 'reinstall' } });
    expect(runLevel).toBe('reinstall');
    expect((await reaches(slice, 'refused'))?.reason?.code).toBe('node_run_level');
    expect(leaseOf(slice)).toBeUndefined();
    await tech.client.setRunLevel({ params, body: { runLevel: 'boot' } });
    await reaches(slice, 'running');
    expect(leaseOf(slice)?.id).not.toBe(lease);
  });

  it('has the place and the interfaces that its site says, and each decision is in the log', async () => {
    const interfaces = [{ address: '192.0.2.7', hostname: 'tokyo.example.org' }];
    const place = { city: 'Tokyo', country: 'JP', latitude: 35.68, longitude: 139.69 };
    await tech.client.changeNode({ params, body: { interfaces } });
    const changed = await tech.client.changeNode({ params, body: { place } });
    expect(changed).toMatchObject({ place, interfaces: [{ address: '192.0.2.7', use: 'public' }] });
    const { items } = await test.admin.listEvents({ query: { subject: node.name } });
    const kinds = items.map(({ kind }) => kind);
    for (const kind of ['node.quarantine-begun', 'node.quarantine-ended', 'node.drain-begun', 'node.run-level-set'])
      expect(kinds).toContain(kind);
  });
});

describe('attribution', () => {
  const ask = (at: string, address?: string) =>
    pi.client.attribute({ query: { node: node.name, at, ...(address === undefined ? {} : { address }) } });
  const now = () => new Date().toISOString();

  it('tells whose slivers were on a node at a time, also when the slice is gone', async () => {
    const before = now();
    const slice = await newSlice();
    await reaches(slice, 'running');
    const during = now();
    await user.client.deleteSlice({ params: { slice } });
    await eventually(
      () => ask(now()),
      ({ items }) => !items.some((one) => one.slice === (slice as typeof one.slice)),
      30_000,
    );
    const found = (await ask(during)).items.find((one) => one.slice === (slice as typeof one.slice));
    expect(found).toMatchObject({ site: 'demo', persons: [user.email], ipv4: '10.0.0.1', until: expect.any(String) });
    expect((await ask(before)).items.map((one) => String(one.slice))).not.toContain(slice);
  });

  it('knows the address of a sliver, and those of its node, which all slivers share', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    const slices = async (address: string) => (await ask(now(), address)).items.map((one) => String(one.slice));
    expect(await slices('10.0.0.1')).toContain(slice);
    expect(await slices('192.0.2.7')).toContain(slice);
    expect(await slices('198.51.100.1')).toEqual([]);
    await fails(pi.client.attribute({ query: { node: 'nowhere', at: now() } }), 'unknown_node');
  });

  it('tells those who were in the slice then, not those who are now', async () => {
    const slice = await newSlice();
    await reaches(slice, 'running');
    const alone = now();
    await pi.client.addPersonToSlice({ params: { slice, person: pi.email } });
    await pi.client.removePersonFromSlice({ params: { slice, person: user.email } });
    const persons = async (at: string) =>
      (await ask(at)).items.find((one) => one.slice === (slice as typeof one.slice))?.persons;
    expect(await persons(alone)).toEqual([user.email]);
    expect(await persons(now())).toEqual([pi.email]);
  });
});

it('a slice’s initial command runs in each sliver once, when it first runs on a new disk', async () => {
  const ran: string[][] = [];
  node.execBackend = async ({ argv }) => {
    ran.push([...argv]);
    return ended(3);
  };
  const { name: slice } = await user.client.createSlice({
    body: { name: `demo_s${++count}`, initialCommand: 'apt-get update' },
  });
  await user.client.addSlivers({ params: { slice }, body: { nodes: [node.name] } });
  const initialised = () => test.admin.listEvents({ query: { subject: `${slice}@${node.name}` } });
  const { items } = await eventually(
    initialised,
    (events) => events.items.some(({ kind }) => kind === 'sliver.initialised'),
    30_000,
  );
  expect(items.find(({ kind }) => kind === 'sliver.initialised')?.after).toEqual({ exitCode: 3, stoppedLate: false });
  await test.admin.suspendSlice({ params: { slice }, body: { reason: 'a pause' } });
  await reaches(slice, 'stopped');
  await test.admin.resumeSlice({ params: { slice } });
  await reaches(slice, 'running');
  expect(ran).toEqual([['/bin/sh', '-c', 'apt-get update']]);
});

describe('a node that is to be rebooted', () => {
  const body = { reason: 'A new kernel' };
  const params = { node: NodeName.parse('osaka') };
  let node: FakeNode;
  beforeAll(async () => {
    node = new FakeNode(await join(await test.invite('osaka')));
    await node.connect();
    await eventually(shown, ({ state, facts }) => state === 'connected' && facts !== null);
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const shown = () => test.admin.getNode({ params });
  const kindsOf = async () =>
    (await test.admin.listEvents({ query: { subject: node.name } })).items.map(({ kind }) => kind);

  it('is drained first, told when it is empty, and in service when it is back', async () => {
    const slice = await newSlice(params.node);
    await reaches(slice, 'running', params.node);
    await fails(user.client.rebootNode({ params, body }), 'forbidden');
    const waiting = await tech.client.rebootNode({ params, body });
    expect(waiting).toMatchObject({ reboot: { askedAt: null, now: false }, reason: { code: 'node_draining' } });
    expect(waiting.reason?.message).toMatch(
      /\(to be rebooted when it is empty, at \S+ \S+ UTC at the latest: A new kernel\)/,
    );
    expect(node.rebootsAsked).toEqual([]);
    await user.client.removeSlivers({ params: { slice }, body: {} });
    await eventually(shown, ({ reason }) => reason?.code === 'node_rebooting', 60_000);
    expect((await shown()).reason?.message).toMatch(/^It is rebooting since \S+ \S+ UTC \(A new kernel\)\.$/);
    expect(node.rebootsAsked).toEqual(['person:tech@example.org: A new kernel']);
    await fails(tech.client.cancelReboot({ params }), 'conflict');
    node.boot = 'second';
    node.disconnect();
    await node.connect();
    await eventually(
      shown,
      ({ reboot, drain, reason }) => reboot === null && drain === null && reason === null,
      60_000,
    );
    expect((await kindsOf()).slice(0, 4)).toContain('node.rebooted');
  });

  it('stays in service when that is taken back in time', async () => {
    const slice = await newSlice(params.node);
    await reaches(slice, 'running', params.node);
    await tech.client.rebootNode({ params, body });
    expect(await tech.client.cancelReboot({ params })).toMatchObject({ reboot: null, drain: null, reason: null });
    await user.client.removeSlivers({ params: { slice }, body: {} });
  });

  it('says at once when its owner does not allow it, and is as it was', async () => {
    node.refusal = new PlanetLabError('admission_refused', 'The owner does not let others reboot it.');
    await fails(pi.client.rebootNode({ params, body: { ...body, now: true } }), 'admission_refused');
    node.refusal = undefined;
    expect(await shown()).toMatchObject({ reboot: null, drain: null });
    expect((await kindsOf())[0]).toBe('node.reboot-failed');
  });
});

it('lists of a node’s features only those that it lacks, with the same answer to why it is not in service', async () => {
  const inList = async () => (await test.admin.listNodes({ query: {} })).items.find(({ name }) => name === node.name);
  const shown = await test.admin.getNode({ params: { node: node.name } });
  expect(shown.facts?.features.map(({ feature }) => feature)).toEqual(['shaping', 'checkpoints']);
  const features = shown.facts?.features.filter(({ available }) => !available);
  expect(await inList()).toMatchObject({ state: 'connected', reason: null, facts: { version: '0', features } });
  for (const [feature, why] of [
    ['shaping', null],
    ['checkpoints', /Its kernel has none/],
    ['lasers', /it does not know it/],
  ] as const) {
    await test.admin.changeSettings({ body: { requiredFeatures: [feature] } });
    const { reason } = await test.admin.getNode({ params: { node: node.name } });
    expect((await inList())?.reason).toEqual(reason);
    if (why === null) expect(reason).toBeNull();
    else expect(reason?.message).toMatch(why);
  }
  await test.admin.changeSettings({ body: { requiredFeatures: [] } });
});
