import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { connect, type TLSSocket } from 'node:tls';
import {
  createClient,
  encodeEvent,
  type JoinReply,
  joinRoutes,
  type NodeEvent,
  nodeRoutes,
  type Transport,
  UPLINK_PROTOCOL,
} from '@planetlab/contract';
import { createNodeRequest, generateKeyPair, type KeyPair, parseJoinToken } from '@planetlab/credentials';
import {
  DEFAULT_RESOURCES,
  ImageName,
  LeaseId,
  NodeName,
  type SliceName,
  SliverState,
  toInstant,
} from '@planetlab/model';

/** A machine that was let in, and from then on sends what it likes. */
export interface HostileNode {
  /** Opens its uplink; resolves when TLS is up. */
  dial(): Promise<TLSSocket>;
}

export async function joinHostile(invitation: string, nodeAddress: string): Promise<HostileNode> {
  const token = parseJoinToken(invitation);
  const name = NodeName.parse(token.node);
  const key = generateKeyPair();
  const certificateRequest = await createNodeRequest(key, name);
  const body = {
    ...{ secret: token.secret, node: name, certificateRequest },
    ...{ clock: toInstant(Date.now()), addresses: [] },
  };
  const reply = await createClient(joinRoutes, https(nodeAddress)).join({ body });
  return { dial: () => dial(nodeAddress, key, reply) };
}

async function dial(address: string, key: KeyPair, reply: JoinReply): Promise<TLSSocket> {
  const { hostname: host, port } = new URL(`https://${address}`);
  const socket = connect({
    ...{ host, port: Number(port), ca: reply.ca, cert: reply.certificate, key: key.exportPem() },
    ...{ ALPNProtocols: [UPLINK_PROTOCOL], minVersion: 'TLSv1.3' },
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => {}); // it is cut off: that is what is tested
  return socket;
}

const https =
  (address: string): Transport =>
  ({ method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      const options = { method, headers, rejectUnauthorized: false, agent: false };
      const outgoing = request(`https://${address}${path}`, options, (reply) =>
        resolve({ status: reply.statusCode ?? 0, contentType: reply.headers['content-type'] ?? '', body: reply }),
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });

/** Answers as a node does, and tells of slivers without end, as fast as they are taken. */
export async function floodReports(node: HostileNode): Promise<void> {
  const socket = await node.dial();
  const server = createServer();
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const [path] = (headers[':path'] ?? '').split('?');
    if (path === nodeRoutes.watchSlivers.path) return void tellWithoutEnd(stream);
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(path === nodeRoutes.listLeases.path ? '{"items":[]}' : '{}');
  });
  server.emit('connection', socket);
  await closed(socket);
}

async function tellWithoutEnd(stream: ServerHttp2Stream): Promise<void> {
  stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
  await pipeline(
    withoutEnd((i) => encodeEvent(report(i))),
    stream,
  ).catch(() => {}); // cut off: that is what is tested
}

function* withoutEnd<T>(make: (i: number) => T): Generator<T> {
  for (let i = 0; ; i++) yield make(i);
}

const report = (i: number): NodeEvent => ({
  type: 'sliver',
  sliver: {
    slice: `demo_s${i}` as SliceName, // of the form that names have
    state: SliverState.options[i % SliverState.options.length] ?? 'running',
    reason: { code: 'noise', message: 'x'.repeat(1000) },
    since: toInstant(Date.now()),
    leaseId: LeaseId.parse(randomUUID()),
    expiresAt: toInstant(Date.now()),
    image: ImageName.parse('debian-12'),
    resources: DEFAULT_RESOURCES,
    ipv4: null,
    ipv6: null,
  },
});

const SETTINGS = Buffer.from('000000040000000000', 'hex');
export const FRAMES = {
  /** Each opens the connection's window by one byte, and asks for no answer. */
  windowUpdate: Buffer.from('00000408000000000000000001', 'hex'),
  /** Each asks for an answer. */
  ping: Buffer.from('0000080600000000000000000000000000', 'hex'),
} as const;
const CHUNK_BYTES = 64 * 1024;

/** Sends one frame again and again, and reads nothing. */
export async function floodFrames(node: HostileNode, frame: Buffer): Promise<void> {
  const socket = await node.dial();
  const chunk = Buffer.concat(Array.from({ length: Math.ceil(CHUNK_BYTES / frame.length) }, () => frame));
  socket.write(SETTINGS);
  await pipeline(
    withoutEnd(() => chunk),
    socket,
  ).catch(() => {}); // cut off
}

async function closed(socket: TLSSocket): Promise<void> {
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
}
