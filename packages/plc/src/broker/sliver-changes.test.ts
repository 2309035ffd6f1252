import { randomUUID } from 'node:crypto';
import type { Reason } from '@planetlab/contract';
import type { LeaseId, NodeName, SliceName, SliverState } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../store/database.ts';
import type { Db } from '../store/schema.ts';
import { startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { createSliverChanges, type SliverChange } from './sliver-changes.ts';

const NAMES = ['one', 'two', 'three'] as const;
const STRANGER = 'not-a-node-of-this-sliver';

let test: TestPlc;
let db: Db;
const nodeIds = new Map<string, string>();
const sliverIds = new Map<string, string>();

beforeAll(async () => {
  test = await startTestPlc();
  db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } }).catch(() => {}); // it may be there
  for (const name of NAMES) {
    const node = await test.admin.createNode({ body: { name, site: 'demo' } });
    nodeIds.set(name, node.id);
  }
  await test.admin.createSlice({ body: { name: 'demo_many' } });
  await test.admin.addSlivers({ params: { slice: 'demo_many' }, body: { nodes: [...NAMES] } });
  const rows = await db.selectFrom('slivers').innerJoin('nodes', 'nodes.id', 'slivers.node_id');
  for (const { id, name } of await rows.select(['slivers.id', 'nodes.name']).execute()) sliverIds.set(name, id);
});
afterAll(async () => {
  await db.destroy();
  await test[Symbol.asyncDispose]();
});

const says = (node: string, state: SliverState, reason: Reason | null = null): SliverChange => ({
  reporter: { nodeId: nodeIds.get(node) as never, nodeName: node as NodeName },
  find: { id: sliverIds.get(node) ?? '' },
  update: (row) => (row.state === state ? undefined : { set: { state, reason, since: new Date() } }),
});

const rowOf = (node: string) =>
  db
    .selectFrom('slivers')
    .selectAll()
    .where('id', '=', sliverIds.get(node) ?? '')
    .executeTakeFirstOrThrow();

it('writes together what nodes say together, and one that cannot be written is in nobody’s way', async () => {
  const changes = createSliverChanges({ db, now: () => new Date() });
  const unstorable = { code: 'refused', message: 'a NUL: \0' };
  const results = await Promise.allSettled([
    changes.write(says('one', 'starting')),
    changes.write(says('two', 'refused', unstorable)),
    changes.write(says('three', 'refused', { code: 'admission_refused', message: 'It is full.' })),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  expect(await rowOf('one')).toMatchObject({ state: 'starting', reason: null });
  expect(await rowOf('two')).toMatchObject({ state: 'requested' });
  expect(await rowOf('three')).toMatchObject({ state: 'refused', reason: { message: 'It is full.' } });
});

it('takes what is said of one sliver in its order, with an event for each', async () => {
  const changes = createSliverChanges({ db, now: () => new Date() });
  const states = ['starting', 'failed', 'running', 'running'] as const;
  await Promise.all(states.map((state) => changes.write(says('two', state))));
  expect(await rowOf('two')).toMatchObject({ state: 'running', slice: 'demo_many' as SliceName });
  const { items } = await test.admin.listEvents({ query: { subject: 'demo_many@two' } });
  expect(items.map(({ kind, before }) => [kind, (before as { state: string }).state])).toEqual([
    ['sliver.running', 'failed'],
    ['sliver.failed', 'starting'],
    ['sliver.starting', 'requested'],
  ]);
});

it('finds the lease that was noted a moment before what is said under it, and writes both at once', async () => {
  const changes = createSliverChanges({ db, now: () => new Date() });
  const [first, second] = [randomUUID() as LeaseId, randomUUID() as LeaseId];
  const { reporter, find } = says('three', 'running');
  const noted = (lease_id: LeaseId): SliverChange => ({
    ...{ reporter, find },
    update: () => ({ kind: 'sliver.leased', set: { lease_id } }),
  });
  const under = (leaseId: LeaseId, state: SliverState): SliverChange => ({
    ...says('three', state),
    find: { slice: 'demo_many' as SliceName, leaseId },
  });
  const write = (...all: SliverChange[]) => Promise.all(all.map((change) => changes.write(change)));
  await write(noted(first), under(first, 'running'));
  expect(await rowOf('three')).toMatchObject({ state: 'running', lease_id: first });
  const spans = await db
    .selectFrom('sliver_spans')
    .select('until_at')
    .where('sliver_id', '=', sliverIds.get('three') ?? '')
    .execute();
  expect(spans).toEqual([{ until_at: null }]);
  await write(noted(second), under(first, 'failed'));
  expect(await rowOf('three'), 'the one before says nothing any more').toMatchObject({
    state: 'running',
    lease_id: second,
  });
});

it('touches no row of another node', async () => {
  const changes = createSliverChanges({ db, now: () => new Date() });
  const own = says('one', 'running');
  await changes.write({ ...own, reporter: { nodeId: nodeIds.get('two') as never, nodeName: STRANGER as NodeName } });
  expect(await rowOf('one')).toMatchObject({ state: 'starting' });
});
