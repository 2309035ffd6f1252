import {
  type Client,
  createClient,
  type ExecStart,
  fetchTransport,
  fillPath,
  plcRoutes,
  type Transport,
  withHeaders,
} from '@planetlab/contract';
import { type ExecSession, http1DuplexOpener, openExec } from '@planetlab/contract/http2';
import { formatDuration, PlanetLabError } from '@planetlab/model';
import type { Io } from '../io.ts';
import type { Invocation } from '../leaf.ts';
import { resolveSettings, type Settings } from './settings.ts';

/** A PLC, signed in to. */
export interface Plc {
  readonly client: Client<typeof plcRoutes>;
  readonly settings: Settings;
  /** Starts a program in a sliver. When `signal` aborts, the stream is closed, and with it the program ends. */
  exec(
    sliver: { readonly slice: string; readonly node: string },
    start: ExecStart,
    signal: AbortSignal,
  ): Promise<ExecSession>;
}

/** Does work at the PLC that the settings name. Every request ends when the program is interrupted. */
export async function withClient<T>(invocation: Invocation, work: (plc: Plc) => Promise<T>): Promise<T> {
  const settings = await resolveSettings(invocation);
  const { url, token } = settings;
  if (token === undefined) {
    throw new PlanetLabError('not_signed_in', `You are not signed in at ${url}.`);
  }
  return work({ ...connect(invocation, url, token), settings });
}

/** Without a token (an empty one) for what is open to everybody. */
export function connect(invocation: Invocation, url: string, token: string): Omit<Plc, 'settings'> {
  const { io } = invocation;
  const authorization: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` };
  const transport = interruptible(
    withHeaders(fetchTransport(url), () => authorization),
    io,
  );
  const log = invocation.verbose ? (line: string) => void io.stderr.write(`${line}\n`) : () => {};
  return {
    client: createClient(plcRoutes, logged(transport, log, io)),
    exec: ({ slice, node }, start, signal) => {
      const path = fillPath(plcRoutes.exec.path, { slice, node });
      log(`> POST ${path}`);
      return openExec(http1DuplexOpener(url, authorization, { signal }), path, start);
    },
  };
}

const interruptible =
  (transport: Transport, io: Io): Transport =>
  (request) =>
    transport({
      ...request,
      signal: request.signal === undefined ? io.interrupted : AbortSignal.any([request.signal, io.interrupted]),
    });

/** Shows each request and its outcome; neither headers nor bodies, because they may hold secrets. */
const logged =
  (transport: Transport, log: (line: string) => void, io: Io): Transport =>
  async (request) => {
    const startMs = io.now();
    log(`> ${request.method} ${request.path}`);
    const response = await transport(request);
    log(`< ${response.status} in ${formatDuration(io.now() - startMs)}`);
    return response;
  };

const MOST_PAGES = 1000;

/** Everything of a paged list. */
export async function allPages<T>(
  read: (after: string | undefined) => Promise<{ readonly items: readonly T[]; readonly next: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  let after: string | undefined;
  for (let count = 0; count < MOST_PAGES; count += 1) {
    const page = await read(after);
    items.push(...page.items);
    if (page.next === null) return items;
    after = page.next;
  }
  throw new PlanetLabError('internal', `The PLC's list has no end after ${items.length} entries.`);
}
