import { SliceName } from '@planetlab/model';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { findSlice } from '../slices/store.ts';
import { openDatabase } from '../store/database.ts';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { reselect } from './reselect.ts';

// Nodes join and slivers start here: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

let test: TestPlc;
const nodes: FakeNode[] = [];
const places = { zurich: 'CH', geneva: 'CH', tokyo: 'JP' } as const;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  for (const [city, country] of Object.entries(places)) {
    const place = { city, country, latitude: country === 'CH' ? 47 : 36, longitude: country === 'CH' ? 8 : 140 };
    await test.admin.createNode({ body: { name: city, site: 'demo', place } });
    const node = new FakeNode(await join(await test.invite(city)));
    nodes.push(node);
    await node.connect();
  }
  await test.admin.createNode({ body: { name: 'absent', site: 'demo' } });
  await eventually(
    () => test.admin.listNodes({ query: {} }),
    ({ items }) => items.filter(({ facts }) => facts !== null).length === 3,
    60_000,
  );
});
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const lineOf = (selection: { explanation: readonly { node: string; sentence: string }[] }, node: string) =>
  selection.explanation.find((line) => line.node === node);
const nodesOf = async (slice: string) =>
  (await test.admin.listSlivers({ query: { slice } })).items.map(({ node }) => node as string).toSorted();

it('goes by what was measured of nodes, and says what that was', async () => {
  const where = 'load < 0.5 && memory_available_mib >= 900 && rtt_ms < 60000.0 && measured_s < 600.0';
  const right = await test.admin.selectNodes({ body: { where } });
  expect(right.chosen.toSorted()).toEqual(['geneva', 'tokyo', 'zurich']);
  const wrong = await test.admin.selectNodes({ body: { where: 'cores_idle > 1.75', anyState: true } });
  expect(lineOf(wrong, 'zurich')?.sentence).toBe('cores_idle > 1.75 does not hold: cores_idle is 1.5.');
  expect(lineOf(wrong, 'absent')?.sentence).toContain('cores_idle is not known');
  const { measured } = await test.admin.getNode({ params: { node: 'zurich' } });
  expect(Math.abs(measured?.clockOffsetMs ?? Number.NaN)).toBeLessThan(60_000);
});

it('chooses among what the authority knows, explains every node, and repeats itself for a seed', async () => {
  await test.admin.setNodeTag({ params: { node: 'tokyo', tag: 'asn' }, body: { value: 'AS2500' } });
  const body = { where: 'country == "CH" && memory_free_mib >= 256 && ipv4 == false', count: 1 };
  const first = await test.admin.selectNodes({ body });
  expect(first).toMatchObject({ satisfied: true, summary: '2 of 4 nodes match; 1 is taken.' });
  expect(lineOf(first, 'tokyo')).toMatchObject({
    code: 'does_not_match',
    sentence: 'country == "CH" does not hold: country is "JP".',
  });
  expect(lineOf(first, 'absent')).toMatchObject({
    code: 'not_in_service',
    sentence: expect.stringMatching(/not joined/),
  });
  expect((await test.admin.selectNodes({ body: { ...body, seed: first.seed } })).chosen).toEqual(first.chosen);
  expect((await test.admin.selectNodes({ body: { where: 'asn == 2500' } })).chosen).toEqual(['tokyo']);
  const anywhere = await test.admin.selectNodes({ body: { where: 'state == "registered"', anyState: true } });
  expect(anywhere.chosen).toEqual(['absent']);
});

it('refuses an expression that cannot be used, in a sentence', async () => {
  await expect(test.admin.selectNodes({ body: { where: 'colour == "red"' } })).rejects.toMatchObject({
    code: 'malformed_expression',
    message: expect.stringContaining('There is no attribute "colour"'),
  });
});

it('puts a slice on what is chosen, and asking again changes nothing', async () => {
  const slice = 'demo_chosen';
  await test.admin.createSlice({ body: { name: slice } });
  const params = { slice };
  const placed = await test.admin.selectSlivers({ params, body: { where: 'country == "CH"', count: 1 } });
  expect(placed.items).toHaveLength(1);
  await test.admin.selectSlivers({ params, body: { where: 'country == "CH"', count: 1 } });
  expect(await nodesOf(slice)).toEqual(placed.selection.chosen);
  const dry = await test.admin.selectNodes({ body: { slice, count: 1, seed: 3 } });
  expect(dry.chosen).toEqual(placed.selection.chosen);
  await expect(
    test.admin.selectSlivers({ params, body: { where: 'country == "CH"', count: 5, min: 3 } }),
  ).rejects.toMatchObject({ code: 'selection_too_small', message: expect.stringContaining('2 of 4 nodes match') });
});

it('a slice that keeps its selector is placed elsewhere when a node leaves it', async () => {
  const name = SliceName.parse('demo_kept');
  await test.admin.createSlice({ body: { name } });
  const request = { where: 'country == "CH"', count: 1 };
  const { selection } = await test.admin.selectSlivers({ params: { slice: name }, body: { ...request, keep: true } });
  expect(await test.admin.getSelector({ params: { slice: name } })).toMatchObject({ request });

  const db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
  const store = { db, now: () => new Date() };
  const slice = await findSlice(db, name, store.now());
  const actor = 'broker:planetlab' as never; // a principal, as the drain's
  const moved = await reselect(store, actor, slice, selection.chosen);
  expect(moved?.added).toHaveLength(1);
  expect(moved?.added).not.toEqual(selection.chosen);
  expect((await reselect(store, actor, slice, selection.chosen))?.added).toEqual([]);
  expect(await nodesOf(name)).toEqual(['geneva', 'zurich']);

  await test.admin.deleteSelector({ params: { slice: name } });
  await expect(test.admin.getSelector({ params: { slice: name } })).rejects.toMatchObject({ code: 'unknown_selector' });
  expect(await reselect(store, actor, slice, selection.chosen)).toBeUndefined();
  await db.destroy();
  const events = await test.admin.listEvents({ query: { subject: name } });
  const kinds = events.items.map(({ kind }) => kind).filter((kind) => kind.startsWith('slice.'));
  expect(kinds).toEqual([
    'slice.selector-forgotten',
    'slice.nodes-added',
    'slice.selector-kept',
    'slice.nodes-added',
    'slice.created',
  ]);
});
