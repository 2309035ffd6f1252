import { once } from 'node:events';
import { createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { generateKeyPair, type NodeIdentity } from '@planetlab/credentials';
import { NodeId, NodeName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { openUplink } from './uplink.ts';

const node: NodeIdentity = {
  nodeId: NodeId.parse(crypto.randomUUID()),
  nodeName: NodeName.parse('n1'),
  key: generateKeyPair().publicKey,
  expiresAtMs: 0,
};

async function listening(server: Server | ReturnType<typeof createHttp2Server>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port; // it listens on a port
}

it('closes an uplink whose other end has stopped answering, and says so', async () => {
  const far = createHttp2Server();
  const farPort = await listening(far);
  const path = createServer();
  const near = connect(await listening(path), '127.0.0.1');
  const [enter] = await once(path, 'connection');
  enter.on('error', () => {}); // its other end is destroyed below us
  const leave = connect(farPort, '127.0.0.1');
  enter.pipe(leave).pipe(enter);
  // HTTP/2 does not care whether there is TLS below; that is the listener's business.
  const uplink = await openUplink(near as TLSSocket, node, new Date(), { pingIntervalMs: 50, pingTimeoutMs: 2_000 });
  await new Promise((resolve) => setTimeout(resolve, 300)); // several are answered
  expect(uplink.closed.aborted).toBe(false);
  leave.unpipe(enter); // the network swallows every answer from now on
  await once(uplink.closed, 'abort');
  expect(String(uplink.closed.reason)).toContain('did not answer');
  for (const socket of [enter, leave]) socket.destroy();
  path.close();
  far.close();
});
