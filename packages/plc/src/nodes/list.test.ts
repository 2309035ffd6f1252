import type { NodeId } from '@planetlab/model';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { KeptWritten } from './written.ts';

vi.setConfig({ testTimeout: 120_000 });

let test: TestPlc;
let node: FakeNode;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await test.admin.createSlice({ body: { name: 'demo_s' } });
  node = new FakeNode(await join(await test.invite('tokyo')));
  await node.connect();
  await test.admin.createNode({
    body: { name: 'zurich', site: 'demo', place: { latitude: 47.4, longitude: 8.5, city: 'Zürich', country: 'CH' } },
  });
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const list = async () => (await test.admin.listNodes({ query: {} })).items;

/** Each node of the list as it is shown by itself, but for its features and for what is another a moment later. */
async function shown(name: string) {
  const {
    facts,
    lastSeenAt: _lastSeenAt,
    measured: _measured,
    ...rest
  } = await test.admin.getNode({
    params: { node: name },
  });
  return { ...rest, facts: facts && { version: facts.version, id: facts.id } };
}

it('the list shows each node as it is, from one change to the next', async () => {
  const { admin } = test;
  const zurich = { node: 'zurich' };
  const tokyo = { node: 'tokyo' };
  await eventually(
    () => admin.getNode({ params: tokyo }),
    ({ facts }) => facts !== null,
  );
  const decision = { body: { reason: 'it is moved' } };
  const changes: readonly (() => Promise<unknown>)[] = [
    () => admin.setNodeTag({ params: { ...zurich, tag: 'rack' }, body: { value: 'ä "7"' } }),
    () => admin.createGroup({ body: { name: 'fast' } }),
    () => admin.addNodeToGroup({ params: { group: 'fast', ...tokyo } }),
    () => admin.setGroupTag({ params: { group: 'fast', tag: 'rack' }, body: { value: 'any' } }),
    () => admin.setGroupTag({ params: { group: 'fast', tag: 'rack' }, body: { value: 'other' } }),
    () => admin.addSlivers({ params: { slice: 'demo_s' }, body: { nodes: ['tokyo', 'zurich'] } }),
    () => admin.inviteNode({ params: zurich, body: {} }),
    () => admin.drainNode({ params: tokyo, ...decision }),
    () => admin.changeSettings({ body: { oldestNodeVersion: '9.9' } }),
    () => admin.undrainNode({ params: tokyo }),
    () => admin.changeSettings({ body: { oldestNodeVersion: '', requiredFeatures: ['checkpoints'] } }),
    () => admin.removeSlivers({ params: { slice: 'demo_s' }, body: { nodes: ['zurich'] } }),
    () => admin.deleteGroup({ params: { group: 'fast' } }),
    () => admin.changeSettings({ body: { requiredFeatures: [] } }),
    () => admin.deleteNodeTag({ params: { ...zurich, tag: 'rack' } }),
  ];
  for (const change of changes) {
    await change();
    const each = await Promise.all(['tokyo', 'zurich'].map(shown));
    expect(await list(), String(change)).toMatchObject(each);
  }
  node.disconnect();
  await eventually(list, ([first]) => first?.state === 'disconnected');
  expect(await list()).toMatchObject([await shown('tokyo'), await shown('zurich')]);
  await admin.deleteNode({ params: tokyo });
  expect(await list()).toMatchObject([await shown('zurich')]);
  await admin.deleteNode({ params: zurich });
  expect(await list()).toEqual([]);
});

it('what was written of a node is kept while its version is the same, and the oldest gives way', async () => {
  const kept = new KeptWritten<null>(2);
  const asked: string[] = [];
  const read = async (ids: readonly NodeId[]) => {
    asked.push(ids.join());
    return ids.map((id) => ({ id, version: '1', json: Buffer.from(id), from: null }));
  };
  const ask = (ids: string, version = '1') =>
    kept.of(
      [...ids].map((id) => ({ id: id as NodeId, version })),
      read,
    );
  await ask('ab');
  await ask('ab');
  const three = await ask('abc');
  expect([...three.keys()]).toEqual(['a', 'b', 'c']);
  await ask('b');
  await ask('a');
  await ask('a', '2');
  expect(asked).toEqual(['a,b', 'c', 'a', 'a']);
});
