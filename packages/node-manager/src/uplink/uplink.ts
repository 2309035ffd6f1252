import type { ServerHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { UPLINK_PROTOCOL } from '@planetlab/contract';
import { readServerCertificate } from '@planetlab/credentials';
import { messageOf, SECOND_MS } from '@planetlab/model';
import { backoffMs } from '../backoff.ts';
import { type HostPort, parseEndpoint } from '../config.ts';
import type { Logger } from '../logger.ts';

export interface UplinkOptions {
  /** `host:port` of the authority's listener for nodes; of several processes all, with commas between. */
  readonly address: string;
  /** The node's own key and certificate, and the one root it trusts here. All PEM. */
  readonly keyPem: string;
  /** Asked at each connection: it is renewed now and then. */
  readonly certificatePem: () => string;
  readonly caPem: string;
  /** Takes a connection over and serves the node's API on it. Gives the session, by which the link is watched. */
  readonly serve: (socket: TLSSocket) => ServerHttp2Session;
  readonly logger: Logger;
  readonly random: () => number;
  /** Pause between pings, and the longest wait for the answer to one. */
  readonly pingMs?: number;
  /** Waits between two tries; by default as long as it is told. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A clock that is never set; by default that of the process. */
  readonly monotonicMs?: () => number;
}

export type UplinkState =
  | { readonly state: 'connecting' | 'connected' }
  | { readonly state: 'waiting'; readonly reason: string };

/** The node's own connection to its authority, kept open (N12: from behind NAT, without an inbound port). */
export interface Uplink {
  state(): UplinkState;
  close(): Promise<void>;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15 * SECOND_MS;
/** The longest while the authority's machine says that nothing listens there: its program is being started again. */
const LONGEST_REFUSED_WAIT_MS = 2 * SECOND_MS;
/** The longer it stays so, the less it looks like a restart. */
const REFUSED_WAIT_PART = 10;
const CONNECT_TIMEOUT_MS = 10 * SECOND_MS;
/** A dead link is noticed after twice this at the latest. */
const PING_MS = 7 * SECOND_MS;
/** A link that was open this long was a good one: the next try comes soon. What was never open is none, however long it took. */
const GOOD_MS = 10 * SECOND_MS;

export function startUplink(options: UplinkOptions): Uplink {
  const closing = new AbortController();
  let state: UplinkState = { state: 'connecting' };
  const setState = (next: UplinkState) => {
    state = next;
  };
  const done = keepOpen(options, setState, closing.signal);
  return {
    state: () => state,
    async close() {
      closing.abort();
      await done;
    },
  };
}

async function keepOpen(
  options: UplinkOptions,
  setState: (state: UplinkState) => void,
  signal: AbortSignal,
): Promise<void> {
  const { logger, random, pause = pauseReally } = options;
  const addresses = options.address.split(',');
  // Nodes spread over the processes by chance; one that loses its own goes to the next.
  let goneMs = 0;
  for (let turn = Math.floor(random() * addresses.length), failures = 0; !signal.aborted; turn++, failures++) {
    const address = addresses[turn % addresses.length] ?? options.address;
    setState({ state: 'connecting' });
    const { reason, refused, openMs } = await connectOnce({ ...options, address }, signal, () => {
      setState({ state: 'connected' });
      logger.info({ address }, 'uplink open');
      goneMs = 0;
    });
    if (signal.aborted) return;
    if (openMs > GOOD_MS) failures = 0;
    const mostMs = longestWaitMs(refused, goneMs);
    const retryMs = Math.round(backoffMs({ firstMs: FIRST_WAIT_MS, mostMs, random }, failures));
    logger.warn({ address, reason, retryMs }, 'uplink closed');
    setState({ state: 'waiting', reason });
    await pause(retryMs, signal);
    goneMs += retryMs;
  }
}

/** Of what does not answer, or closes again, more tries would only be more of its load. */
function longestWaitMs(refused: boolean, goneMs: number): number {
  if (!refused) return LONGEST_WAIT_MS;
  return Math.min(LONGEST_WAIT_MS, Math.max(LONGEST_REFUSED_WAIT_MS, goneMs / REFUSED_WAIT_PART));
}

interface Ended {
  readonly reason: string;
  /** There is a machine, and nothing listens at the port. */
  readonly refused: boolean;
  /** 0 if it never was. */
  readonly openMs: number;
}

/** Connects, serves until the link ends, and says why it ended. */
async function connectOnce(options: UplinkOptions, signal: AbortSignal, opened: () => void): Promise<Ended> {
  let socket: TLSSocket;
  try {
    socket = await dial(options, signal);
  } catch (error) {
    const reason = explain(error, parseEndpoint(options.address));
    return { reason, refused: codeOf(error) === 'ECONNREFUSED', openMs: 0 };
  }
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error) => resolve(`the connection broke: ${messageOf(error)}`));
    socket.once('close', () => resolve('the connection was closed'));
  });
  const stop = () => socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const session = options.serve(socket);
  opened();
  const { pingMs = PING_MS, monotonicMs = () => performance.now() } = options;
  const openedMs = monotonicMs();
  const pinging = setInterval(() => ping(session, socket, pingMs), pingMs);
  try {
    return { reason: await ended, refused: false, openMs: monotonicMs() - openedMs };
  } finally {
    clearInterval(pinging);
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

/** A dead link says nothing; whoever does not answer a ping in time is gone. */
function ping(session: ServerHttp2Session, socket: TLSSocket, timeoutMs: number): void {
  const timer = setTimeout(() => socket.destroy(new Error(`no answer for ${timeoutMs} ms`)), timeoutMs);
  const answered = () => {
    clearTimeout(timer);
    socket.off('close', answered);
  };
  socket.once('close', answered);
  if (session.destroyed || !session.ping(answered)) answered();
}

function dial(options: UplinkOptions, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port } = parseEndpoint(options.address);
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca: [options.caPem],
    key: options.keyPem,
    cert: options.certificatePem(),
    minVersion: 'TLSv1.3',
    ALPNProtocols: [UPLINK_PROTOCOL],
    timeout: CONNECT_TIMEOUT_MS,
  });
  const stop = () => socket.destroy(new Error('canceled'));
  signal.addEventListener('abort', stop, { once: true });
  socket.once('timeout', () => socket.destroy(new Error('no answer within 10 s')));
  socket.on('error', reject);
  socket.once('close', () => reject(new Error('the connection was closed')));
  socket.once('secureConnect', () => {
    signal.removeEventListener('abort', stop);
    socket.setTimeout(0);
    socket.setNoDelay(true);
    try {
      if (socket.alpnProtocol !== UPLINK_PROTOCOL) throw new Error('the other side does not speak the uplink protocol');
      // nodes have certificates under the same root: it must be the authority itself
      readServerCertificate(socket.getPeerX509Certificate()?.raw ?? new Uint8Array(0));
      resolve(socket);
    } catch (error) {
      socket.destroy();
      reject(error);
    }
  });
  return promise;
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

/** In words that tell what to do. */
function explain(error: unknown, { host, port }: HostPort): string {
  const code = codeOf(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `the certificate at ${host}:${port} is not for ${host}: the authority has to issue one for this address`;
  }
  if (code.includes('SELF_SIGNED') || code.includes('UNABLE_TO_') || code === 'CERT_SIGNATURE_FAILURE') {
    return `the certificate at ${host}:${port} is not from the authority that this node joined`;
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return `the certificate at ${host}:${port} is not valid now (${code}): check the clocks of both machines`;
  }
  if (code.includes('NO_APPLICATION_PROTOCOL')) return `what listens at ${host}:${port} does not take nodes`;
  if (code === 'ECONNREFUSED') return `nothing listens at ${host}:${port}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `the name ${host} is not known`;
  return messageOf(error);
}

/** The end of the pause, or of everything. */
async function pauseReally(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {}); // it can only be interrupted
}
