import type { Http2Server, ServerHttp2Session } from 'node:http2';
import { createServer, type TLSSocket } from 'node:tls';
import { type App, createApp } from '@planetlab/contract/server';
import { MINUTE_MS, PlanetLabError, SECOND_MS } from '@planetlab/model';
import type { FastifyBaseLogger } from 'fastify';
import type { HostPort } from '../config.ts';
import type { ApiContext } from './context.ts';
import { serveLeases } from './lease-routes.ts';
import { serveNode } from './node-routes.ts';
import { serveSlivers } from './sliver-routes.ts';

/** The node's API, without any way in yet. Every connection is one of TLS that somebody else accepted or dialled. */
export interface NodeApi {
  /** Serves HTTP/2 on a connection. */
  serve(socket: TLSSocket): ServerHttp2Session;
  close(): Promise<void>;
}

export async function createNodeApi(context: ApiContext, logger: FastifyBaseLogger): Promise<NodeApi> {
  const app = createApp({ http2: true, logger });
  serveNode(app, context);
  serveLeases(app, context);
  serveSlivers(app, context);
  await app.ready();
  const sessions = new Set<ServerHttp2Session>();
  const server = http2Server(app);
  return {
    serve(socket) {
      const made: ServerHttp2Session[] = [];
      server.once('session', (session) => made.push(session));
      server.emit('connection', socket); // the session is made before this returns
      const [session] = made;
      if (session === undefined) throw new Error('no HTTP/2 session was made on the connection');
      sessions.add(session);
      session.once('close', () => sessions.delete(session));
      session.on('error', () => socket.destroy());
      return session;
    },
    async close() {
      for (const session of sessions) session.destroy();
      await app.close();
    },
  };
}

// createApp was asked for HTTP/2, and so this is what Fastify made
const http2Server = (app: App): Http2Server => app.server as unknown as Http2Server;

export interface DirectListener {
  readonly port: number;
  close(): Promise<void>;
}

const HANDSHAKE_TIMEOUT_MS = 10 * SECOND_MS;
/** Anybody who reaches the port can open connections; more than these find it closed. */
const CONNECTIONS_LIMIT = 1000;

/** A stream may be silent for as long as it likes; a connection without one may not. */
function endWhenIdle(session: ServerHttp2Session, idleMs: number): void {
  let streams = 0;
  session.on('stream', (stream) => {
    streams += 1;
    stream.once('close', () => {
      streams -= 1;
    });
  });
  session.setTimeout(idleMs, () => {
    if (streams === 0) session.close();
  });
}

/** Offers the API directly, over TLS with the node's certificate. Who calls is decided by credentials, per request. */
export async function listenDirectly(
  api: NodeApi,
  endpoint: HostPort,
  identity: { readonly keyPem: string; readonly certificatePem: string },
  idleMs = MINUTE_MS,
): Promise<DirectListener> {
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    key: identity.keyPem,
    cert: identity.certificatePem,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.maxConnections = CONNECTIONS_LIMIT;
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    if (socket.alpnProtocol === 'h2') endWhenIdle(api.serve(socket), idleMs);
    else socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      const where = `${endpoint.host}:${endpoint.port}`;
      reject(new PlanetLabError('step_failed', `The API cannot be offered at ${where}: ${cause.message}.`, { cause }));
    });
    server.listen(endpoint.port, endpoint.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : endpoint.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
