import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';
import { PlanetLabError } from '@planetlab/model';
import type { Transport } from '../transport.ts';

/** One request on a session; the reply's headers when they have come. */
export async function openHttp2Stream(
  session: ClientHttp2Session,
  request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly endStream?: boolean;
    readonly signal?: AbortSignal;
  },
  write?: (stream: ClientHttp2Stream) => void,
): Promise<{ stream: ClientHttp2Stream; status: number; contentType: string }> {
  if (session.closed || session.destroyed) throw gone();
  const stream = session.request(
    { ':method': request.method, ':path': request.path, ...request.headers },
    { endStream: request.endStream ?? false, ...(request.signal === undefined ? {} : { signal: request.signal }) },
  );
  const headers = new Promise<Record<string, unknown>>((resolve, reject) => {
    const closed = () => reject(gone());
    stream.once('response', (reply) => {
      stream.off('close', closed); // an error for each stream that ends well would be a tenth of what a request takes
      resolve(reply);
    });
    stream.once('error', (cause) => reject(request.signal?.aborted === true ? canceled(cause) : gone(cause)));
    stream.once('close', closed);
  });
  write?.(stream);
  const reply = await headers;
  return {
    stream,
    status: Number(reply[constants.HTTP2_HEADER_STATUS]),
    contentType: String(reply['content-type'] ?? ''),
  };
}

/** The contract's transport over one HTTP/2 session. Every request is bounded by `timeoutMs` until its headers have come. */
export const http2Transport =
  (session: ClientHttp2Session, options: { readonly timeoutMs?: number } = {}): Transport =>
  async (request) => {
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), options.timeoutMs ?? 30_000);
    const signal = request.signal === undefined ? timeout.signal : AbortSignal.any([request.signal, timeout.signal]);
    try {
      const { stream, status, contentType } = await openHttp2Stream(
        session,
        {
          method: request.method,
          path: request.path,
          headers: request.headers,
          endStream: request.body === undefined,
          signal,
        },
        (opened) => {
          if (request.body !== undefined) opened.end(request.body);
        },
      );
      return { status, contentType, body: stream };
    } catch (error) {
      if (!timeout.signal.aborted) throw error;
      throw new PlanetLabError(
        'timed_out',
        'The node did not answer in time; it may be overloaded or its link broken.',
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
    }
  };

const gone = (cause?: unknown) =>
  new PlanetLabError(
    'node_unreachable',
    'The connection to the node is closed; it is used again as soon as the node reconnects.',
    { cause },
  );
const canceled = (cause: unknown) => new PlanetLabError('canceled', 'The request was canceled.', { cause });
