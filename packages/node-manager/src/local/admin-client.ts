import { request } from 'node:http';
import { adminRoutes, type Client, createClient, type Transport } from '@planetlab/contract';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { lockOwner } from '../node-lock.ts';
import { nodeNames, nodePaths } from '../paths.ts';
import { findTag } from '../purge.ts';

export type AdminClient = Client<typeof adminRoutes>;

const TIMEOUT_MS = 20_000;

/** Speaks to the manager that runs with this state folder. Undefined when none runs. */
export function adminClient(stateDir: string): AdminClient | undefined {
  const paths = nodePaths(stateDir);
  if (lockOwner(paths.lock) === undefined) return undefined;
  const tag = findTag(paths);
  return tag === undefined ? undefined : createClient(adminRoutes, socketTransport(nodeNames(tag).adminSocket));
}

/** HTTP over a Unix socket. */
const socketTransport =
  (socketPath: string): Transport =>
  (call) => {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Transport>>>();
    const { method, path, headers, body } = call;
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = { socketPath, method, path, headers: { ...headers, ...length }, agent: false, timeout: TIMEOUT_MS };
    const outgoing = request(options, (response) =>
      resolve({
        status: response.statusCode ?? 500,
        contentType: response.headers['content-type'] ?? '',
        body: response,
      }),
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.once('error', (cause) => reject(unreachable(socketPath, cause)));
    outgoing.end(body);
    return promise;
  };

const unreachable = (path: string, cause: unknown) =>
  new PlanetLabError(
    'node_unreachable',
    `The node manager does not answer at ${path}: ${messageOf(cause)}. Only root may ask; if it is starting, try again.`,
    { cause },
  );
