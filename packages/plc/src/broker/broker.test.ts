import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

it('brings a slice to running on a connected node', async () => {
  const node = new FakeNode(await join(await test.invite('n1')));
  await node.connect();
  await test.admin.createSlice({ body: { name: 'demo_a' } });
  const added = await test.admin.addSlivers({ params: { slice: 'demo_a' }, body: { nodes: ['n1'] } });
  expect(added.items[0]?.node).toBe('n1');
  const sliver = await eventually(
    () => sliverOf(test.admin, 'demo_a', 'n1'),
    (it) => it?.state === 'running',
  );
  expect(sliver?.timeToRunningMs).toBeLessThan(1000);
  console.log(sliver, node.requests);
  await node[Symbol.asyncDispose]();
});
