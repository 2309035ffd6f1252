import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions, type Server as TlsServer } from 'node:tls';
import { UPLINK_PROTOCOL } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { type AuthorityIdentity, issueServerCertificate } from '@planetlab/credentials';
import { DAY_MS, messageOf, SECOND_MS } from '@planetlab/model';
import type { Logger } from 'pino';
import { type HostPort, listenError } from '../host-port.ts';
import { PROCESS_PROTOCOL } from '../processes/peers.ts';
import { Allowance } from './allowance.ts';
import type { Arrivals } from './arrivals.ts';
import { withoutMapping } from './uplink.ts';

/** The TLS port that machines dial: nodes with their certificate for the uplink, others to join. */
export interface NodeListener extends AsyncDisposable {
  readonly port: number;
}

export interface NodeListenerOptions {
  readonly listen: HostPort;
  /** Hosts that the server's certificate is for. */
  readonly names: readonly string[];
  readonly authority: AuthorityIdentity;
  /** Serves the join routes over HTTP/1.1. */
  readonly joinApp: App;
  /** Told of each connection, until `acceptUplink` is done with it or it is something else. */
  readonly arrivals: Arrivals;
  readonly acceptUplink: (socket: TLSSocket) => Promise<void>;
  /** Other processes of this authority come in here as well. */
  readonly acceptProcess: (socket: TLSSocket) => Promise<void>;
  /** Who it was is known by the address alone. Not called for all of very many. */
  readonly handshakeFailed: (address: string) => void;
  readonly nowMs: () => number;
  readonly log: Logger;
}

const HANDSHAKE_TIMEOUT_MS = 10 * SECOND_MS;
/** For all that a machine asks to join, however slowly it speaks: strangers do not keep nodes from their place. */
const JOIN_MS = 30 * SECOND_MS;
/** For what uplinks are told at the end to get out. */
const GOODBYE_MS = 150;
const CONNECTIONS_LIMIT = 10_000;
/** All nodes dial at once after a restart; whom the kernel has no room for is asked to wait seconds. */
const BACKLOG = 4096;
/** Anybody can fail a handshake: strangers do not keep the database busy. */
const FAILURES_NOTED = { atOnce: 20, perSecond: 1 };

export async function listenForNodes(options: NodeListenerOptions): Promise<NodeListener> {
  const { authority, joinApp, log } = options;
  const context = async (): Promise<TlsOptions> => {
    const identity = await issueServerCertificate(authority, { names: options.names }, options.nowMs());
    return { key: identity.keyPem, cert: identity.certificatePem, ca: identity.caPem };
  };
  const server = createServer({
    ...(await context()),
    minVersion: 'TLSv1.3',
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    // A machine that joins has no certificate yet; whoever opens an uplink is checked by the registry.
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: [UPLINK_PROTOCOL, PROCESS_PROTOCOL, 'http/1.1'],
  });
  server.maxConnections = CONNECTIONS_LIMIT;
  const sockets = new Set<TLSSocket>();
  await joinApp.ready();
  const handshakes = watchHandshakes(server, options);
  server.on('secureConnection', (socket) => {
    const arrived = handshakes.done(socket);
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug({ error: messageOf(error) }, 'connection of a node broke'));
    if (socket.alpnProtocol === UPLINK_PROTOCOL) return void options.acceptUplink(socket).finally(arrived);
    arrived();
    if (socket.alpnProtocol === PROCESS_PROTOCOL) void options.acceptProcess(socket);
    else serveJoin(joinApp.server, socket);
  });
  server.on('tlsClientError', (error) => log.debug({ error: messageOf(error) }, 'TLS handshake failed'));
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, options.listen)));
    server.listen({ host: options.listen.host, port: options.listen.port, backlog: BACKLOG }, () => resolve());
  });
  // The certificate is for a year; a program that runs for years renews it on the way.
  const renewal = setInterval(() => {
    context().then(
      (fresh) => server.setSecureContext(fresh),
      (error) => log.error({ error: messageOf(error) }, 'server certificate not renewed'),
    );
  }, DAY_MS);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : options.listen.port,
    async [Symbol.asyncDispose]() {
      clearInterval(renewal);
      const ended = new Promise<void>((resolve) => server.close(() => resolve()));
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, GOODBYE_MS).unref();
      await ended;
      await joinApp.close();
    },
  };
}

/** A connection that is gone has no address any more: it is kept until the handshake is done. */
function watchHandshakes(
  server: TlsServer,
  { arrivals, handshakeFailed }: Pick<NodeListenerOptions, 'arrivals' | 'handshakeFailed'>,
) {
  const noted = new Allowance(FAILURES_NOTED);
  /** What tells that each has arrived. */
  const open = new Map<string, () => void>();
  const nameOf = ({ remoteAddress, remotePort }: Socket) => `${remoteAddress} ${remotePort}`;
  server.on('connection', (socket: Socket) => {
    const [name, address, arrived] = [nameOf(socket), socket.remoteAddress, arrivals.begin()];
    open.set(name, arrived);
    socket.once('close', () => {
      arrived();
      if (open.delete(name) && address !== undefined && noted.take(1)) handshakeFailed(withoutMapping(address));
    });
  });
  return {
    /** Its handshake is; what is given tells that it has arrived. */
    done(socket: TLSSocket): () => void {
      const name = nameOf(socket);
      const arrived = open.get(name) ?? (() => {});
      open.delete(name);
      return arrived;
    },
  };
}

function serveJoin(server: Server | object, socket: TLSSocket): void {
  // A server that does not listen itself has no timeouts of its own.
  const deadline = setTimeout(() => socket.destroy(), JOIN_MS);
  socket.once('close', () => clearTimeout(deadline));
  // Fastify's server has not been told to listen; connections are handed to it.
  (server as Server).emit('connection', socket);
}
