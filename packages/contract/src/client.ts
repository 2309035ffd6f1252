import { PlanetLabError, whatIsWrong } from '@planetlab/model';
import type { z } from 'zod';
import { decodeEvents } from './event-stream.ts';
import { problemToError } from './problem.ts';
import { fillPath, type RouteDefinition, type RouteInput, type RouteOutput, type RouteTable } from './route.ts';
import type { Transport, TransportResponse } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Of a stream of events: told how long each is before it is read. False passes it over; what is thrown ends the stream. */
  readonly admits?: (characters: number) => boolean;
}

/** A method for each route of the table. Failures of the server arrive as the PlanetLabError that it threw. */
export type Client<T extends RouteTable> = {
  readonly [K in keyof T]: (input: RouteInput<T[K], 'input'>, options?: CallOptions) => Promise<RouteOutput<T[K]>>;
};

export interface ClientOptions {
  /** Longest JSON reply accepted, in bytes; a server is not trusted with our memory. Default 64 MiB. */
  readonly replyLimitBytes?: number;
}

interface LooseInput {
  readonly params?: Record<string, unknown>;
  readonly query?: Record<string, unknown>;
  readonly body?: unknown;
}

export function createClient<T extends RouteTable>(
  routes: T,
  transport: Transport,
  options: ClientOptions = {},
): Client<T> {
  const limit = options.replyLimitBytes ?? 64 * 1024 * 1024;
  const call = async (route: RouteDefinition, input: LooseInput, callOptions: CallOptions = {}): Promise<unknown> => {
    const response = await transport({
      method: route.method,
      path: fillPath(route.path, input.params, input.query),
      headers: {
        accept: route.reply.kind === 'events' ? 'text/event-stream' : 'application/json',
        ...(route.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(route.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(callOptions.signal === undefined ? {} : { signal: callOptions.signal }),
    });
    if (response.status >= 400) throw problemToError(response.status, await readText(response, limit));
    if (route.reply.kind === 'events') return parsedEvents(response, route.reply.schema, callOptions.admits);
    const text = await readText(response, limit);
    return route.reply.kind === 'json' ? parseReply(route, route.reply.schema, text) : undefined;
  };
  const methods = Object.entries(routes).map(([name, route]) => [
    name,
    (input: LooseInput, callOptions?: CallOptions) => call(route, input, callOptions),
  ]);
  return Object.fromEntries(methods) as Client<T>; // one method per route, by construction
}

/** A transport by `fetch`. `baseUrl` without a slash at its end; empty in a browser for the page's own origin. */
export const fetchTransport =
  (baseUrl: string, fetchImplementation: typeof fetch = fetch): Transport =>
  async (request) => {
    try {
      const response = await fetchImplementation(baseUrl + request.path, {
        method: request.method,
        headers: request.headers,
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      return {
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        body: chunks(response),
      };
    } catch (cause) {
      if (request.signal?.aborted === true)
        throw new PlanetLabError('canceled', 'The request was canceled.', { cause });
      throw new PlanetLabError(
        'authority_unreachable',
        `No answer from ${baseUrl || 'the server'}: check the address and that it is running.`,
        { cause },
      );
    }
  };

async function* chunks(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // the reader has gone; the server need not go on
  }
}

async function readText(response: TransportResponse, limitBytes: number): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > limitBytes) throw new PlanetLabError('internal', `The server's reply is over ${limitBytes} bytes.`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function parseReply(route: RouteDefinition, schema: z.ZodType, text: string): unknown {
  const result = schema.safeParse(parseJson(text), { error: whatIsWrong });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new PlanetLabError(
    'internal',
    `The reply to ${route.method} ${route.path} is not of the contract's form: ${issue?.path.join('.')}: ${issue?.message}. Are both sides of the same version?`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by the schema, in words
  }
}

async function* parsedEvents(
  response: TransportResponse,
  schema: z.ZodType,
  admits: CallOptions['admits'] = () => true,
): AsyncGenerator<unknown> {
  for await (const data of decodeEvents(response.body)) {
    if (!admits(data.length)) continue;
    const result = schema.safeParse(parseJson(data));
    if (result.success) yield result.data; // an event of a newer version is passed over: watchers reread the state anyway
  }
}
