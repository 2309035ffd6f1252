import { once } from 'node:events';
import { connect } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { UPLINK_PROTOCOL } from '@planetlab/contract';
import {
  createAuthorityIdentity,
  createNodeRequest,
  generateKeyPair,
  issueNodeCertificate,
} from '@planetlab/credentials';
import { AuthorityName, MINUTE_MS } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { dialUplink, FakeNode } from '../testing/fake-node.ts';
import { type JoinedNode, join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

const stateOf = async (node: string) => (await test.admin.getNode({ params: { node } })).state;
const becomes = (node: string, state: string) =>
  eventually(
    () => stateOf(node),
    (it) => it === state,
  );
const joinAs = async (name: string): Promise<JoinedNode> => join(await test.invite(name));

/** What the PLC sends before it closes: HTTP/2 frames whose last says why, in clear. */
async function goodbye(socket: TLSSocket): Promise<string> {
  let bytes = '';
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return bytes;
}

it('shows a node as connected while its uplink is open, and says since when it is not', async () => {
  const node = new FakeNode(await joinAs('live'));
  await node.connect();
  await becomes('live', 'connected');
  const shown = await eventually(
    () => test.admin.getNode({ params: { node: 'live' } }),
    (it) => it.facts !== null,
  );
  expect(shown).toMatchObject({ reason: null, facts: { name: 'live', kernel: 'none' } });
  node.disconnect();
  await becomes('live', 'disconnected');
  const gone = await test.admin.getNode({ params: { node: 'live' } });
  expect(gone.reason?.message).toMatch(/has been disconnected since/);
  expect(gone.lastSeenAt).not.toBeNull();
  await node[Symbol.asyncDispose]();
});

it('says of a connected node what keeps it out of service: here a clock that is five minutes off', async () => {
  const node = new FakeNode(await joinAs('skewed'));
  node.clockAheadMs = 5 * MINUTE_MS;
  await node.connect();
  const shown = await eventually(
    () => test.admin.getNode({ params: { node: 'skewed' } }),
    (it) => it.state === 'connected' && it.reason !== null,
  );
  expect(shown.reason?.code).toBe('clock_skew');
  expect(shown.reason?.message).toMatch(/does not answer as it should: .*5 min/);
  await node[Symbol.asyncDispose]();
});

it('lets a newer connection of a node take the place of an older one', async () => {
  const joined = await joinAs('twice');
  const first = new FakeNode(joined);
  await first.connect();
  await becomes('twice', 'connected');
  const second = new FakeNode(joined);
  await second.connect();
  await first.closed();
  expect(await stateOf('twice')).toBe('connected');
  second.disconnect();
  await becomes('twice', 'disconnected');
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

it('refuses the certificate of another authority', async () => {
  const joined = await joinAs('foreign');
  const foreign = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());
  const key = generateKeyPair();
  const csrPem = await createNodeRequest(key, joined.name);
  const { certificatePem } = await issueNodeCertificate(
    foreign,
    { csrPem, nodeId: joined.reply.nodeId, nodeName: joined.name, addresses: [] },
    Date.now(),
  );
  expect(await goodbye(dialUplink(joined, { cert: certificatePem, key: key.exportPem() }))).toContain(
    'credential_invalid',
  );
  expect(await stateOf('foreign')).toBe('disconnected');
});

it('refuses the machine that a newer one has replaced, and a node that was deleted', async () => {
  const old = await joinAs('replaced');
  await joinAs('replaced');
  expect(await goodbye(dialUplink(old))).toContain('node_name_taken');
  const deleted = await joinAs('deleted');
  await test.admin.deleteNode({ params: { node: 'deleted' } });
  expect(await goodbye(dialUplink(deleted))).toContain('unknown_node');
});

it('is not harmed by what is not TLS, not HTTP/2, or cut off in the middle', async () => {
  const joined = await joinAs('noise');
  const plain = connect(joined.port, joined.host);
  plain.on('error', () => {});
  plain.write('GET / HTTP/1.1\r\n\r\n');
  await once(plain, 'close');
  for (const noise of [Buffer.alloc(4096, 0xff), Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n')]) {
    const socket = dialUplink(joined);
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(UPLINK_PROTOCOL);
    socket.write(noise);
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  }
  const cut = dialUplink(joined);
  await once(cut, 'secureConnect');
  cut.destroy();
  expect(await test.admin.health({})).toEqual({ status: 'ok' });
  const node = new FakeNode(joined);
  await node.connect();
  await becomes('noise', 'connected');
  await node[Symbol.asyncDispose]();
});

it('says of a node that breaks off, or fails in the handshake, that it did', async () => {
  const joined = await join(await test.invite('careful'), { addresses: ['127.0.0.1'] });
  const message = () => test.admin.getNode({ params: { node: 'careful' } }).then(({ reason }) => reason?.message ?? '');
  const plain = connect(joined.port, joined.host);
  await once(plain, 'connect');
  plain.write('this is not TLS');
  await eventually(message, (text) => /address 127.0.0.1 came a connection that ended in the TLS handshake/.test(text));
  plain.destroy();
  const socket = dialUplink(joined);
  await once(socket, 'secureConnect');
  socket.end('this is not HTTP/2');
  await eventually(message, (text) => text.includes('It broke the connection off before it spoke.'));
  socket.destroy();
});
