import {
  type ClientHttp2Stream,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { PROBLEM_CONTENT_TYPE, problemOf } from '@planetlab/contract';
import { readProcessCertificate } from '@planetlab/credentials';
import { messageOf, NodeId, PlanetLabError } from '@planetlab/model';
import type { Logger } from 'pino';
import type { Store } from '../store/store.ts';
import type { UplinkFinder } from '../uplinks/reach.ts';
import { isLiveProcess } from '../uplinks/store.ts';
import { NODE_HEADER } from './peers.ts';

/** Takes requests of other processes of this authority for nodes whose uplinks this one holds. */
export interface PassOn extends AsyncDisposable {
  /** Takes a TLS connection of their protocol. Never throws: who is none of ours is cut off. */
  accept(socket: TLSSocket): Promise<void>;
  /** Requests under way. */
  readonly underWay: number;
}

export interface PassOnOptions {
  readonly store: Store;
  readonly uplinks: Pick<UplinkFinder, 'get'>;
  readonly log: Logger;
  /** Called for each request that is passed on. */
  readonly count: () => void;
}

const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_MEMORY_MB = 64;
/** What a request keeps on its way. Its credential and proof are its sender's, and the node checks them: nothing is added. */
const REQUEST_HEADERS = ['authorization', 'dpop', 'content-type', 'content-length', 'accept'] as const;
const REPLY_HEADERS = ['content-type', 'content-length'] as const;

export function createPassOn(options: PassOnOptions): PassOn {
  const { store, log } = options;
  const sessions = new Set<ServerHttp2Session>();
  const streams = new Set<ServerHttp2Stream>();
  const server: Http2Server = createServer({
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', (error) => log.debug({ error: messageOf(error) }, 'connection of another process broke'));
  });
  server.on('stream', (stream, headers) => {
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
    options.count();
    passOn(options.uplinks, stream, headers);
  });
  return {
    get underWay() {
      return streams.size;
    },
    async accept(socket) {
      try {
        await requireProcess(store, socket);
        server.emit('connection', socket);
      } catch (error) {
        log.warn({ from: socket.remoteAddress, reason: messageOf(error) }, 'not a process of this authority');
        socket.destroy();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
    },
  };
}

async function requireProcess(store: Store, socket: TLSSocket): Promise<void> {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined || !socket.authorized) {
    throw new PlanetLabError('credential_invalid', 'A process shows a certificate of its authority.');
  }
  const { processId } = readProcessCertificate(certificate.raw);
  if (await isLiveProcess(store, processId)) return;
  throw new PlanetLabError('credential_invalid', 'The process is none of those that share this database now.');
}

/** Bytes both ways, each side held back by the other; when one goes, so does the other. */
function passOn(uplinks: Pick<UplinkFinder, 'get'>, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on('error', () => {}); // the caller has gone: `close` below ends the other half
  const node = NodeId.safeParse(headers[NODE_HEADER]);
  const uplink = node.success ? uplinks.get(node.data) : undefined;
  if (uplink === undefined || uplink.session.closed || uplink.session.destroyed) {
    refuse(stream, moved());
    return;
  }
  const outgoing = uplink.session.request(
    {
      ':method': String(headers[':method']),
      ':path': String(headers[':path']),
      ...pick(headers, REQUEST_HEADERS),
    },
    { endStream: stream.endAfterHeaders },
  );
  outgoing.once('response', (reply) => {
    if (stream.destroyed || stream.headersSent) return;
    stream.respond({ ':status': Number(reply[':status']), ...pick(reply, REPLY_HEADERS) });
    outgoing.pipe(stream);
  });
  outgoing.on('error', () => refuse(stream, moved()));
  outgoing.once('close', () => endReply(stream, outgoing));
  stream.once('close', () => {
    if (!outgoing.closed) outgoing.close(constants.NGHTTP2_CANCEL);
  });
  if (!stream.endAfterHeaders) stream.pipe(outgoing);
}

/** A node's stream that broke is not to look like one that ended; one that ended ends what still comes in for it. */
function endReply(stream: ServerHttp2Stream, outgoing: ClientHttp2Stream): void {
  if (!stream.headersSent) refuse(stream, moved());
  else if (outgoing.rstCode !== constants.NGHTTP2_NO_ERROR) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else if (stream.writableFinished) stream.close();
  else stream.once('finish', () => stream.close());
}

function refuse(stream: ServerHttp2Stream, error: PlanetLabError): void {
  if (stream.destroyed || stream.closed) return;
  if (stream.headersSent) return void stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  stream.respond({ ':status': error.status, 'content-type': PROBLEM_CONTENT_TYPE });
  stream.end(JSON.stringify(problemOf(error)));
}

const moved = () =>
  new PlanetLabError(
    'node_unreachable',
    'The node’s connection to this authority has just ended or moved; it connects anew within seconds. Try again.',
  );

function pick(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}
