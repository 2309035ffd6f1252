import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

const SLICE = 'demo_s';
const REASON = { reason: 'It scans other networks' };
const KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 9)]).toString('base64')} ada`;

// Nodes join and slivers start here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let test: TestPlc;
let node: FakeNode;
let ada: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  ada = await test.person('ada@example.org', [{ role: 'user', site: 'demo' }]);
  node = new FakeNode(await join(await test.invite('tokyo')));
  await node.connect();
  await ada.client.addKey({ params: { person: ada.email }, body: { key: KEY } });
  await ada.client.createSlice({ body: { name: SLICE } });
  await ada.client.addSlivers({ params: { slice: SLICE }, body: { nodes: ['tokyo'] } });
  await becomes('running');
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const becomes = (state: string) =>
  eventually(
    async () => (await test.admin.listSlivers({ query: { slice: SLICE } })).items[0]?.state,
    (it) => it === state,
    60_000,
  );
const keysBecome = (count: number) =>
  eventually(
    async () => node.access.get(SLICE as never)?.length,
    (it) => it === count,
    60_000,
  );
const stop = (kind: 'slice' | 'person' | 'site', name: string) =>
  test.admin.stop({ params: { kind, name }, body: REASON });
const lift = (kind: 'slice' | 'person' | 'site', name: string) => test.admin.liftStop({ params: { kind, name } });
const suspensions = async () => (await test.admin.getSlice({ params: { slice: SLICE } })).suspensions;

describe('a kill switch', () => {
  it('of a slice stops its slivers with their disks, makes no new ones, and is lifted again', async () => {
    await stop('slice', SLICE);
    await becomes('stopped');
    expect(node.leases.has(SLICE as never)).toBe(true); // the lease, and so the disk, stays
    expect(await suspensions()).toMatchObject([{ cause: 'kill-switch', reason: REASON.reason }]);
    expect((await test.admin.listKillSwitches({ query: {} })).items).toMatchObject([{ kind: 'slice', name: SLICE }]);
    await lift('slice', SLICE);
    await becomes('running');
    expect(await suspensions()).toEqual([]);
  });

  it('of a person refuses tokens and keys at once, and stops a slice that has nobody else', async () => {
    await keysBecome(1);
    await stop('person', ada.email);
    await expect(ada.client.getMe({})).rejects.toMatchObject({ code: 'not_signed_in' });
    await becomes('stopped');
    await keysBecome(0);
    expect(await suspensions()).toMatchObject([{ reason: 'All of its people are stopped.' }]);
    await lift('person', ada.email);
    expect(await ada.client.getMe({})).toMatchObject({ email: ada.email });
    await becomes('running');
    await keysBecome(1);
  });

  it('of a site stops its slices and its people, but no admin of the authority', async () => {
    await stop('site', 'demo');
    await expect(ada.client.getMe({})).rejects.toMatchObject({ code: 'not_signed_in' });
    expect(await suspensions()).toMatchObject([{ reason: REASON.reason }]);
    // a slice that is stopped twice goes on when both are lifted
    await stop('slice', SLICE);
    await lift('site', 'demo');
    expect(await suspensions()).toHaveLength(1);
    expect(await ada.client.getMe({})).toMatchObject({ email: ada.email });
    await lift('slice', SLICE);
    expect(await suspensions()).toEqual([]);
    await becomes('running');
  });

  it('is for what is there, and not for oneself', async () => {
    await expect(stop('slice', 'demo_none')).rejects.toMatchObject({ code: 'unknown_slice' });
    await expect(stop('person', 'none@example.org')).rejects.toMatchObject({ code: 'unknown_person' });
    await expect(stop('site', 'None!')).rejects.toMatchObject({ code: 'malformed_name' });
    await expect(stop('person', 'admin@planetlab.internal')).rejects.toMatchObject({ code: 'conflict' });
    await expect(lift('slice', SLICE)).rejects.toMatchObject({ code: 'not_stopped' });
  });

  it('is on record', async () => {
    const { items } = await test.admin.listEvents({ query: { person: ada.email } });
    const kinds = items.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['person.stopped', 'person.let-go']));
  });
});

describe('a decision over many things', () => {
  it('does exactly what its preview showed, as an operation with an item for each', async () => {
    const decision = { action: 'node.drain' as const, reason: 'Update', nodes: { where: 'name == "tokyo"' } };
    const preview = await test.admin.previewDecision({ body: decision });
    expect(preview.items).toEqual([{ subject: 'tokyo', effect: 'takes no new slivers' }]);
    expect((await test.admin.getNode({ params: { node: 'tokyo' } })).drain).toBeNull();
    const { operation } = await test.admin.applyDecision({ body: { ...decision, digest: preview.digest } });
    expect(operation).toMatchObject({ kind: 'node.drain', state: 'succeeded', counts: { done: 1 } });
    expect((await test.admin.getNode({ params: { node: 'tokyo' } })).drain).toMatchObject({ reason: 'Update' });
    const undo = {
      action: 'node.undrain' as const,
      reason: 'Done',
      nodes: { where: 'name == "tokyo"', anyState: true },
    };
    const { digest } = await test.admin.previewDecision({ body: undo });
    await test.admin.applyDecision({ body: { ...undo, digest } });
    expect((await test.admin.getNode({ params: { node: 'tokyo' } })).drain).toBeNull();
  });

  it('is not done when something else is selected by then', async () => {
    const decision = { action: 'slice.suspend' as const, reason: 'Audit', slices: { site: 'demo' } };
    const { digest, items } = await test.admin.previewDecision({ body: decision });
    expect(items.map(({ subject }) => subject)).toEqual([SLICE]);
    await ada.client.createSlice({ body: { name: 'demo_more' } });
    await expect(test.admin.applyDecision({ body: { ...decision, digest } })).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining('2 are selected now'),
    });
    expect(await suspensions()).toEqual([]);
    const again = await test.admin.previewDecision({ body: decision });
    await test.admin.applyDecision({ body: { ...decision, digest: again.digest } });
    expect(await suspensions()).toMatchObject([{ cause: 'people', reason: 'Audit' }]);
  });

  it('says which failed and why, and goes on with the others', async () => {
    const decision = { action: 'person.let-go' as const, reason: 'All is well', persons: { site: 'demo' } };
    const { digest } = await test.admin.previewDecision({ body: decision });
    const { operation } = await test.admin.applyDecision({ body: { ...decision, digest } });
    expect(operation).toMatchObject({ state: 'failed', counts: { failed: 1 } });
    const items = await test.admin.listOperationItems({ params: { operation: operation.id }, query: {} });
    expect(items.items).toMatchObject([{ subject: ada.email, state: 'failed', reason: { code: 'not_stopped' } }]);
  });

  it('says of what, and only of that', async () => {
    const refused = { code: 'malformed_request' };
    const reason = 'x';
    const preview = (body: Parameters<TestPlc['admin']['previewDecision']>[0]['body']) =>
      expect(test.admin.previewDecision({ body })).rejects.toMatchObject(refused);
    await preview({ action: 'node.drain', reason });
    await preview({ action: 'slice.suspend', reason, slices: {} });
    await preview({ action: 'slice.suspend', reason, slices: { site: 'demo' }, nodes: {} });
  });
});
