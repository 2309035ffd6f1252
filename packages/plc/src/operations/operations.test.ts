import type { OperationProgress } from '@planetlab/contract';
import { isPlanetLabError, MINUTE_MS, PlanetLabError } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let user: TestPerson;
const nodes: FakeNode[] = [];
const NAMES = ['a', 'b', 'c'];

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await test.admin.createSite({ body: { name: 'other', title: 'Other' } });
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
  for (const name of NAMES) nodes.push(await connect(new FakeNode(await join(await test.invite(name)))));
  await test.admin.createNode({ body: { name: 'absent', site: 'demo' } });
});
afterAll(async () => {
  for (const node of nodes) await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

async function connect(node: FakeNode): Promise<FakeNode> {
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: node.name } }),
    ({ facts }) => facts !== null,
  );
  return node;
}
const [nodeA, nodeB] = [() => nodes[0] as FakeNode, () => nodes[1] as FakeNode]; // made before the tests

let count = 0;
async function slice(): Promise<{ slice: string }> {
  const name = `demo_s${++count}`;
  await user.client.createSlice({ body: { name } });
  return { slice: name };
}
const get = (id: string) => user.client.getOperation({ params: { operation: id } });
const ended = (id: string) =>
  eventually(
    () => get(id),
    ({ endedAt }) => endedAt !== null,
    MINUTE_MS,
  );
const itemsOf = async (id: string) =>
  (await user.client.listOperationItems({ params: { operation: id }, query: {} })).items;
const code = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return isPlanetLabError(error) ? error.code : error;
};

describe('to put a slice on nodes', () => {
  it('answers at once with where to look, and ends when each node has answered', async () => {
    const { slice: name } = await slice();
    const reply = await fetch(`${test.plc.publicUrl}/v1/slices/${name}/slivers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ nodes: NAMES }),
    });
    expect(reply.status).toBe(202);
    const { operation } = (await reply.json()) as { operation: { id: string } };
    expect(reply.headers.get('location')).toBe(`/v1/operations/${operation.id}`);
    expect(await ended(operation.id)).toMatchObject({ state: 'succeeded', counts: { done: 3, waiting: 0 } });
    expect(await itemsOf(operation.id)).toMatchObject(
      NAMES.map((node) => ({ subject: `${name}@${node}`, slice: name, node, state: 'done', reason: null })),
    );
    const { items } = await user.client.listEvents({ query: { subject: name } });
    expect(items.map(({ kind }) => kind)).toEqual(['operation.succeeded', 'slice.nodes-added', 'slice.created']);
  });

  it('ends when all of it was so before, beside others that begin and end at the same time', async () => {
    const [params, ...others] = [await slice(), await slice(), await slice()];
    const add = async (to: { slice: string }) =>
      (await user.client.addSlivers({ params: to, body: { nodes: ['a', 'c'] } })).operation.id;
    expect(await ended(await add(params))).toMatchObject({ state: 'succeeded', counts: { done: 2 } });
    const ids = await Promise.all([params, params, ...others].map(add));
    for (const id of ids)
      expect(await ended(id)).toMatchObject({ state: 'succeeded', counts: { done: 2, waiting: 0 } });
    const { items } = await user.client.listEvents({ query: { subject: params.slice } });
    expect(items.filter(({ kind }) => kind === 'operation.succeeded')).toHaveLength(3);
  });

  it('succeeds in part, with a reason for each node that does not do it', async () => {
    nodeB().refusal = new PlanetLabError('admission_refused', 'The owner allows none.');
    const params = await slice();
    const { operation } = await user.client.addSlivers({ params, body: { nodes: ['a', 'b', 'absent'] } });
    const end = await ended(operation.id);
    nodeB().refusal = undefined;
    expect(end).toMatchObject({ state: 'partial', counts: { done: 1, failed: 2 } });
    const reasons = (await itemsOf(operation.id)).map(({ node, reason }) => [node, reason?.code]);
    expect(reasons).toEqual([
      ['a', undefined],
      ['absent', 'node_unreachable'],
      ['b', 'admission_refused'],
    ]);
  });

  it('ends at its deadline though a node gives no answer; what is wanted goes on', async () => {
    nodeA().autoRun = false;
    const params = await slice();
    const { operation } = await user.client.addSlivers({ params, body: { nodes: ['a'], deadlineSeconds: 1 } });
    expect(await ended(operation.id)).toMatchObject({ state: 'failed', counts: { timed_out: 1 } });
    nodeA().autoRun = true;
    await eventually(async () => nodeA().leases.has(params.slice as never), Boolean);
    nodeA().report(params.slice, 'running');
    await eventually(
      async () => (await user.client.listSlivers({ query: params })).items[0]?.state,
      (state) => state === 'running',
    );
    expect(await get(operation.id)).toMatchObject({ state: 'failed' });
  });

  it('goes on after a restart of the PLC, which nobody had to tell of it', async () => {
    for (const node of nodes) node.disconnect();
    const params = await slice();
    const { operation } = await user.client.addSlivers({ params, body: { nodes: NAMES } });
    await test.restart();
    const [host = '', port = ''] = test.plc.nodeAddress.split(':');
    for (const [index, node] of nodes.entries()) {
      nodes[index] = await connect(node.at(host, Number(port)));
      await node[Symbol.asyncDispose]();
    }
    expect(await ended(operation.id)).toMatchObject({ state: 'succeeded', counts: { done: 3 } });
  });
});

describe('to take a slice off nodes', () => {
  it('is one operation over all that it is on, and over one', async () => {
    const params = await slice();
    const added = await user.client.addSlivers({ params, body: { nodes: NAMES } });
    await ended(added.operation.id);
    const one = await user.client.removeSliver({ params: { ...params, node: 'a' } });
    expect(await ended(one.operation.id)).toMatchObject({ kind: 'slivers.remove', state: 'succeeded' });
    const rest = await user.client.removeSlivers({ params, body: {} });
    expect(await ended(rest.operation.id)).toMatchObject({ state: 'succeeded', counts: { done: 2 } });
    expect(await code(user.client.removeSlivers({ params, body: {} }))).toBe('unknown_sliver');
  });
});

describe('to cancel', () => {
  it('takes back what does not run yet, and leaves what does', async () => {
    nodeB().autoRun = false;
    const params = await slice();
    await ended((await user.client.addSlivers({ params, body: { nodes: ['c'] } })).operation.id);
    const { operation } = await user.client.addSlivers({ params, body: { nodes: NAMES } });
    await eventually(
      () => get(operation.id),
      ({ counts }) => counts.done === 2,
    );
    const canceled = await user.client.cancelOperation({ params: { operation: operation.id } });
    nodeB().autoRun = true;
    expect(canceled).toMatchObject({ state: 'canceled', counts: { done: 2, canceled: 1 } });
    await eventually(
      async () => (await user.client.listSlivers({ query: params })).items.map(({ node }) => String(node)),
      (on) => on.join() === 'a,c',
    );
    expect(await user.client.cancelOperation({ params: { operation: operation.id } })).toEqual(canceled);
  });

  it('leaves what has ended as it ended', async () => {
    const params = await slice();
    const { operation } = await user.client.addSlivers({ params, body: { nodes: ['a'] } });
    const end = await ended(operation.id);
    expect(await user.client.cancelOperation({ params: { operation: operation.id } })).toEqual(end);
  });
});

describe('a watch', () => {
  const watch = async (id: string, headers: Record<string, string> = {}) => {
    const reply = await fetch(`${test.plc.publicUrl}/v1/operations/${id}/watch`, {
      headers: { authorization: `Bearer ${user.token}`, ...headers },
    });
    const blocks = (await reply.text()).split('\n\n').filter((block) => block.includes('data:'));
    return blocks.map((block) => ({
      id: /^id: (.*)$/m.exec(block)?.[1],
      data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as OperationProgress,
    }));
  };

  it('tells each change once until the operation ends, and goes on where a reader says it was', async () => {
    const params = await slice();
    const { operation } = await user.client.addSlivers({ params, body: { nodes: NAMES } });
    const events = await watch(operation.id);
    expect(events.at(-1)?.data.operation).toMatchObject({ state: 'succeeded' });
    expect(events[0]?.data.items).toHaveLength(3);
    const [first] = await watch(operation.id, { 'last-event-id': '1' });
    expect(first?.data.items.every(({ state }) => state === 'done')).toBe(true);
    const last = events.at(-1)?.id ?? '';
    expect(await watch(operation.id, { 'last-event-id': last })).toMatchObject([{ id: last, data: { items: [] } }]);
    expect((await watch(operation.id, { 'last-event-id': 'nonsense' }))[0]?.data.items).toHaveLength(3);
  });
});

it('are listed newest first to who may see their slice, and to nobody else', async () => {
  const stranger = await test.person('stranger@example.org', [{ role: 'pi', site: 'other' }]);
  const mine = (await user.client.listOperations({ query: { limit: 2 } })).items;
  expect(mine).toHaveLength(2);
  expect(Date.parse(mine[0]?.createdAt ?? '')).toBeGreaterThanOrEqual(Date.parse(mine[1]?.createdAt ?? ''));
  expect((await stranger.client.listOperations({ query: {} })).items).toEqual([]);
  expect(await code(stranger.client.getOperation({ params: { operation: mine[0]?.id ?? '' } }))).toBe(
    'unknown_operation',
  );
});
