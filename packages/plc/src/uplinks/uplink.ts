import { type ClientHttp2Session, connect, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { NodeIdentity } from '@planetlab/credentials';
import { PlanetLabError, SECOND_MS } from '@planetlab/model';

/** One node's connection. The node dialled it and serves HTTP/2 on it; requests go from here to there. */
export interface Uplink {
  readonly node: NodeIdentity;
  readonly session: ClientHttp2Session;
  readonly connectedAt: Date;
  /** Aborted when the connection is gone; its reason is a sentence. */
  readonly closed: AbortSignal;
  /** Closes it. The node gets the reason with HTTP/2's GOAWAY. */
  close(reason: PlanetLabError): void;
}

export const PING_INTERVAL_MS = 10 * SECOND_MS;
export const PING_TIMEOUT_MS = 10 * SECOND_MS;
const SETTLE_TIMEOUT_MS = 10 * SECOND_MS;
/** For many exec streams at once, each with a full window. */
const SESSION_MEMORY_MB = 64;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 8 * STREAM_WINDOW_BYTES;

export interface UplinkTimes {
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

/**
 * Opens HTTP/2 on a connection that TLS has authenticated; resolves when the other end has answered in HTTP/2.
 * Whatever comes on it can close this connection and do nothing else. Throws `node_unreachable`.
 */
export async function openUplink(
  socket: TLSSocket,
  node: NodeIdentity,
  connectedAt: Date,
  times: UplinkTimes = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS },
): Promise<Uplink> {
  if (socket.destroyed) throw new PlanetLabError('node_unreachable', 'The node closed the connection at once.');
  const session = startSession(socket);
  const closed = new AbortController();
  const end = (sentence: string) => {
    if (!closed.signal.aborted) closed.abort(new PlanetLabError('node_unreachable', sentence));
  };
  session.on('error', (error) => end(`The connection broke: ${error.message}.`));
  session.on('close', () => end('The node closed the connection.'));
  session.on('goaway', () => session.destroy());
  await settled(session, closed.signal);
  keepAlive(session, times, (sentence) => {
    end(sentence);
    session.destroy();
  });
  return {
    node,
    session,
    connectedAt,
    closed: closed.signal,
    close(reason) {
      end(reason.message);
      sayGoodbye(session, reason);
    },
  };
}

/** Tells a node that it is not let in, in the way it can read: its side is an HTTP/2 server too. */
export function refuseUplink(socket: TLSSocket, reason: PlanetLabError): void {
  if (socket.destroyed) return;
  const session = startSession(socket);
  session.on('error', () => {}); // it is being closed anyway
  session.once('connect', () => sayGoodbye(session, reason));
}

function startSession(socket: TLSSocket): ClientHttp2Session {
  socket.on('error', () => {}); // the session hears of it too, and says so
  const session = connect('http://node', {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
  return session;
}

function sayGoodbye(session: ClientHttp2Session, reason: PlanetLabError): void {
  if (session.destroyed) return;
  const text = JSON.stringify({ code: reason.code, message: reason.message });
  // No error code: one would surface at the node as an error of every stream, before the reason is read.
  session.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(text));
  setTimeout(() => session.destroy(), 100).unref(); // time for the frame to leave
}

/** Until the other end's SETTINGS have come: then it does speak HTTP/2. */
async function settled(session: ClientHttp2Session, closed: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(new PlanetLabError('node_unreachable', 'The other end of the connection does not speak HTTP/2.'));
    session.destroy();
  }, SETTLE_TIMEOUT_MS);
  session.once('remoteSettings', () => resolve());
  closed.addEventListener('abort', () => reject(closed.reason), { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
}

function keepAlive(session: ClientHttp2Session, times: UplinkTimes, dead: (sentence: string) => void): void {
  let timeout: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return;
    timeout = setTimeout(
      () => dead(`The node did not answer for ${(times.pingIntervalMs + times.pingTimeoutMs) / SECOND_MS} s.`),
      times.pingTimeoutMs,
    );
    session.ping(() => {
      clearTimeout(timeout);
      timeout = undefined;
    });
  }, times.pingIntervalMs);
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(timeout);
  });
}
