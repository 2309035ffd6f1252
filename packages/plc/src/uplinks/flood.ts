import type { ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { MINUTE_MS, PlanetLabError, SECOND_MS } from '@planetlab/model';
import { Allowance } from './allowance.ts';

/** How long the connections of a node that has flooded are not taken. */
export const HELD_OFF_MS = MINUTE_MS;
/** Beside what was asked for, a node sends little: frames that open windows, answers to pings, heads of replies. */
const FRAMES = { atOnce: 16 * 1024 * 1024, perSecond: 1024 * 1024 };
/** Around what was asked for: one byte of a terminal comes in a frame and a TLS record of its own. */
const WRAPPING_FACTOR = 8;
const LOOK_MS = SECOND_MS;
/** Of nghttp2: more pings or settings than can be answered. Node.js has no name for it. */
const NGHTTP2_ERR_FLOODED = -904;

export const floods = (what: string): PlanetLabError =>
  new PlanetLabError(
    'node_floods',
    `It sent ${what}; its connection was closed so that other nodes are heard, and is taken again after ${HELD_OFF_MS / SECOND_MS} s. Look at what its node manager does, and at its version.`,
  );

/** The error of a session whose other end sent more frames than it lets be answered. */
export const isFlood = (error: Error): boolean => 'errno' in error && error.errno === NGHTTP2_ERR_FLOODED;
export const tooManyFrames = (): PlanetLabError => floods('HTTP/2 frames without end that nobody asked for');

/**
 * Calls `flooded` when more comes than was asked for. What is asked for needs no watch: its reader holds it back by
 * HTTP/2's windows; frames without content have none.
 */
export function watchForFlood(session: ClientHttp2Session, socket: TLSSocket, flooded: () => void): void {
  const contentBytes = countContent(session);
  const allowance = new Allowance(FRAMES);
  let seenBytes = socket.bytesRead;
  let seenContent = 0;
  const timer = setInterval(() => {
    const received = socket.bytesRead - seenBytes;
    const wrapped = WRAPPING_FACTOR * (contentBytes() - seenContent);
    seenBytes += received;
    seenContent = contentBytes();
    if (!allowance.take(Math.max(0, received - wrapped))) flooded();
  }, LOOK_MS);
  session.once('close', () => clearInterval(timer));
}

/** Bytes of content that the session's streams have received. */
function countContent(session: ClientHttp2Session): () => number {
  let bytes = 0;
  const request = session.request.bind(session);
  session.request = (headers, options) => {
    const stream = request(headers, options);
    // A listener for its data would make it flow, whether its reader is ready or not.
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding) => {
      bytes += chunk?.length ?? 0;
      return push(chunk, encoding);
    };
    return stream;
  };
  return () => bytes;
}
