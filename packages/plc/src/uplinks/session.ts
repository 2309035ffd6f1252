import { type ClientHttp2Session, connect } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { PlanetLabError, SECOND_MS } from '@planetlab/model';

export const PING_INTERVAL_MS = 10 * SECOND_MS;
export const PING_TIMEOUT_MS = 10 * SECOND_MS;
const SETTLE_TIMEOUT_MS = 10 * SECOND_MS;
/** For many exec streams at once, each with a full window. */
const SESSION_MEMORY_MB = 64;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const SESSION_WINDOW_BYTES = 8 * STREAM_WINDOW_BYTES;

export interface SessionTimes {
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
}

export const SESSION_TIMES: SessionTimes = { pingIntervalMs: PING_INTERVAL_MS, pingTimeoutMs: PING_TIMEOUT_MS };

/** HTTP/2 with us as the client on a connection that TLS has authenticated, whoever dialled it. */
export function startSession(socket: TLSSocket): ClientHttp2Session {
  socket.on('error', () => {}); // the session hears of it too, and says so
  const session = connect('http://node', {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
  return session;
}

/** Until the other end's SETTINGS have come: then it does speak HTTP/2. */
export async function settled(session: ClientHttp2Session, closed: AbortSignal): Promise<void> {
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

/** How long a ping takes there and back; null when it is not answered before `closed`, or not soon. */
export async function roundTripMs(session: ClientHttp2Session, closed: AbortSignal): Promise<number | null> {
  if (session.destroyed || closed.aborted) return null;
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const timer = setTimeout(() => resolve(null), PING_TIMEOUT_MS);
  const stop = () => resolve(null);
  closed.addEventListener('abort', stop, { once: true });
  // false when so many are under way that this one is not sent: then nobody answers it
  const isSent = session.ping((error, tookMs) => resolve(error === null ? hundredths(tookMs) : null));
  if (!isSent) resolve(null);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    closed.removeEventListener('abort', stop);
  }
}

/** A dead connection says nothing: `dead` is called when a ping is not answered. Gives how long the last one took there and back. */
export function keepAlive(
  session: ClientHttp2Session,
  times: SessionTimes,
  dead: (sentence: string) => void,
): () => number | undefined {
  let timeout: NodeJS.Timeout | undefined;
  let lastMs: number | undefined;
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return;
    timeout = setTimeout(
      () => dead(`The other end did not answer for ${(times.pingIntervalMs + times.pingTimeoutMs) / SECOND_MS} s.`),
      times.pingTimeoutMs,
    );
    session.ping((error, tookMs) => {
      clearTimeout(timeout);
      timeout = undefined;
      lastMs = error === null ? hundredths(tookMs) : undefined;
    });
  }, times.pingIntervalMs);
  session.once('close', () => {
    clearInterval(interval);
    clearTimeout(timeout);
  });
  return () => lastMs;
}

const hundredths = (ms: number): number => Math.round(ms * 100) / 100;
