import { type ClientHttp2Session, constants } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { NodeIdentity } from '@planetlab/credentials';
import { PlanetLabError } from '@planetlab/model';
import { isFlood, tooManyFrames, watchForFlood } from './flood.ts';
import { keepAlive, roundTripMs, SESSION_TIMES, type SessionTimes, settled, startSession } from './session.ts';

/** One node's connection. The node dialled it and serves HTTP/2 on it; requests go from here to there. */
export interface Uplink {
  readonly node: NodeIdentity;
  readonly session: ClientHttp2Session;
  readonly connectedAt: Date;
  /** Where it was dialled from. */
  readonly remoteAddress: string | undefined;
  /** Aborted when the connection is gone; its reason is a sentence, whose cause is the error that it was closed with, if it was. */
  readonly closed: AbortSignal;
  /** How long a ping takes there and back; null when it is not answered soon, or the uplink closes. */
  roundTripMs(): Promise<number | null>;
  /** Closes it. The node gets the reason with HTTP/2's GOAWAY. */
  close(reason: PlanetLabError): void;
}

/**
 * Opens HTTP/2 on a connection that TLS has authenticated; resolves when the other end has answered in HTTP/2.
 * Whatever comes on it can close this connection and do nothing else. Throws `node_unreachable`.
 */
export async function openUplink(
  socket: TLSSocket,
  node: NodeIdentity,
  connectedAt: Date,
  times: SessionTimes = SESSION_TIMES,
): Promise<Uplink> {
  if (socket.destroyed) throw new PlanetLabError('node_unreachable', 'The node closed the connection at once.');
  const remoteAddress = socket.remoteAddress === undefined ? undefined : withoutMapping(socket.remoteAddress);
  const session = startSession(socket);
  const closed = new AbortController();
  const end = (sentence: string, cause?: PlanetLabError) => {
    if (!closed.signal.aborted) closed.abort(new PlanetLabError('node_unreachable', sentence, { cause }));
  };
  const close = (reason: PlanetLabError) => {
    end(reason.message, reason);
    sayGoodbye(session, reason);
  };
  session.on('error', (error) => {
    if (isFlood(error)) close(tooManyFrames());
    end(`The connection broke: ${error.message}.`);
  });
  watchForFlood(session, socket, () => close(tooManyFrames()));
  session.on('close', () => end('The node closed the connection.'));
  session.on('goaway', () => session.destroy());
  await settled(session, closed.signal);
  const lastPingMs = keepAlive(session, times, (sentence) => {
    end(sentence);
    session.destroy();
  });
  return {
    node,
    session,
    connectedAt,
    remoteAddress,
    closed: closed.signal,
    // what is measured anyway is no question of its own
    roundTripMs: async () => lastPingMs() ?? roundTripMs(session, closed.signal),
    close,
  };
}

/** An IPv4 address as a socket for both families shows it. */
export const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');

/** Tells a node that it is not let in, in the way it can read: its side is an HTTP/2 server too. */
export function refuseUplink(socket: TLSSocket, reason: PlanetLabError): void {
  if (socket.destroyed) return;
  const session = startSession(socket);
  session.on('error', () => {}); // it is being closed anyway
  session.once('connect', () => sayGoodbye(session, reason));
}

function sayGoodbye(session: ClientHttp2Session, reason: PlanetLabError): void {
  if (session.destroyed) return;
  const text = JSON.stringify({ code: reason.code, message: reason.message });
  // No error code: one would surface at the node as an error of every stream, before the reason is read.
  session.goaway(constants.NGHTTP2_NO_ERROR, 0, Buffer.from(text));
  setTimeout(() => session.destroy(), 100).unref(); // time for the frame to leave
}
