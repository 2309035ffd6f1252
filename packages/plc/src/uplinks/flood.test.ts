import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { generateKeyPair, type NodeIdentity } from '@planetlab/credentials';
import { isPlanetLabError, NodeId, NodeName } from '@planetlab/model';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { HELD_OFF_MS } from './flood.ts';
import { openUplink } from './uplink.ts';

// Ten thousand reports are read before it is one too many: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 180_000 });

let test: TestPlc;
beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

const disconnected = (node: string) =>
  eventually(
    () => test.admin.getNode({ params: { node } }),
    ({ state }) => state === 'disconnected',
    60_000,
  );

it('cuts off a node that reports without end on a sliver of its own, and takes it again later', async () => {
  await using node = new FakeNode(await join(await test.invite('chatty')));
  await node.connect();
  await test.admin.createSlice({ body: { name: 'demo_chat' } });
  await test.admin.addSlivers({ params: { slice: 'demo_chat' }, body: { nodes: ['chatty'] } });
  await eventually(
    () => test.admin.listSlivers({ query: { slice: 'demo_chat' } }),
    ({ items }) => items[0]?.state === 'running',
    60_000,
  );
  for (let i = 0; i < 12_000; i++) node.report('demo_chat', i % 2 === 0 ? 'failed' : 'running');
  const { reason } = await disconnected('chatty');
  expect(reason).toMatchObject({ code: 'node_floods', message: expect.stringContaining('more reports than 10000') });
  const { items } = await test.admin.listEvents({ query: { subject: 'chatty' } });
  expect(items.map(({ kind }) => kind)).toContain('node.flooded');
  await using early = node.at('127.0.0.1', Number(new URL(`https://${test.plc.nodeAddress}`).port));
  await early.connect();
  await early.closed();
  expect((await disconnected('chatty')).reason?.code).toBe('node_floods');
  test.advance(HELD_OFF_MS);
  await early.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: 'chatty' } }),
    ({ state, reason: since }) => state === 'connected' && since === null,
    60_000,
  );
});

it('takes as much content as is asked for', async () => {
  const content = Buffer.alloc(32 * 1024 * 1024);
  const far = createHttp2Server((_request, reply) => reply.end(content)).listen(0, '127.0.0.1');
  await once(far, 'listening');
  const near = connect((far.address() as AddressInfo).port, '127.0.0.1'); // it listens on a port
  const node: NodeIdentity = {
    ...{ nodeId: NodeId.parse(crypto.randomUUID()), nodeName: NodeName.parse('n1') },
    ...{ key: generateKeyPair().publicKey, expiresAtMs: 0 },
  };
  const uplink = await openUplink(near as TLSSocket, node, new Date());
  for (let i = 0; i < 4; i++) expect(await buffer(uplink.session.request({}))).toHaveLength(content.length);
  expect(uplink.closed.aborted).toBe(false);
  uplink.session.destroy();
  await once(uplink.closed, 'abort').catch(() => {});
  expect(isPlanetLabError(uplink.closed.reason, 'node_unreachable')).toBe(true);
  far.close();
});
