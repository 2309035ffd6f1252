import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  createClient,
  type ExecStart,
  type NodeSliver,
  nodeRoutes,
  withHeaders,
} from '@planetlab/contract';
import { http2Transport, openExec, openHttp2Stream } from '@planetlab/contract/http2';
import {
  type AuthorityIdentity,
  createProof,
  generateKeyPair,
  issueSliceCredential,
  type KeyPair,
  RIGHTS,
} from '@planetlab/credentials';
import { createNetworkNamespace, deleteNetworkNamespace, inNamespace, systemRunner } from '@planetlab/linux';
import { DAY_MS, ImageName, NodeName, Principal, Resources, SliceName, toInstant } from '@planetlab/model';
import { buildImage } from '@planetlab/node-manager';
import { withSlowness } from '../slowness.ts';
import type { TestAuthority } from './node-authority.ts';

export { startAuthority, type TestAuthority } from './node-authority.ts';

/** A node manager as it really runs: joined by token, a process of its own, in a network namespace of its own. */

export const NODE_MANAGER = join(import.meta.dirname, '../../apps/node-manager/main.ts');
const IMAGES = '/var/lib/planetlab/images';
const IMAGE = ImageName.parse('debian-12');

/** Builds the base image if this machine does not have it, or has one of other packages: half a minute, once. */
export async function ensureImage(): Promise<void> {
  const progress = (): void => {};
  await buildImage({ folder: IMAGES, name: IMAGE, ifChanged: true, now: Date.now, progress });
}

/** A principal with a credential for slices of an authority, and its client of one node. */
export function nodeClient(
  authority: AuthorityIdentity,
  session: ClientHttp2Session,
  options: { readonly slice?: SliceName; readonly key?: KeyPair; readonly clockMs?: number } = {},
) {
  const key = options.key ?? generateKeyPair();
  const nowMs = Date.now();
  const token = issueSliceCredential(authority.key, {
    authority: authority.name,
    principal: Principal.parse('broker:test'),
    holder: key.publicKey.thumbprint,
    slice: options.slice ?? '*',
    rights: [...RIGHTS],
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + DAY_MS,
  });
  const sign = (method: string, path: string) => ({
    authorization: `DPoP ${token}`,
    dpop: createProof(key, { method, path, token }, Date.now() + (options.clockMs ?? 0)),
  });
  const client = createClient(
    nodeRoutes,
    withHeaders(http2Transport(session), ({ method, path }) => sign(method, path)),
  );
  /** Starts a program; the caller reads its output. */
  const open = (slice: string, start: ExecStart) =>
    openExec(
      async (path, headers, first) =>
        openHttp2Stream(session, { method: 'POST', path, headers: { ...headers, ...sign('POST', path) } }, (stream) =>
          stream.write(first),
        ),
      `/v1/slivers/${slice}/exec`,
      start,
    );
  return {
    client,
    key,
    open,
    /** Runs a program to its end. */
    async exec(slice: string, argv: readonly string[], options: Omit<ExecStart, 'argv'> = {}) {
      const running = await open(slice, { ...options, argv: [...argv] });
      running.stdin.end();
      const collect = async (stream: AsyncIterable<unknown>) => {
        let text = '';
        for await (const chunk of stream) text += String(chunk);
        return text;
      };
      const [stdout, stderr, exit] = await Promise.all([
        collect(running.stdout),
        collect(running.stderr),
        running.exit,
      ]);
      return { stdout, stderr, code: exit.code };
    },
  };
}

export const leaseFor = (slice: string, options: { endsInMs?: number; keys?: string[]; memoryMiB?: number } = {}) => ({
  slice: SliceName.parse(slice),
  image: IMAGE,
  resources: Resources.parse({ memoryMiB: options.memoryMiB ?? 64, diskMiB: 100, processes: 64 }),
  expiresAt: toInstant(Date.now() + (options.endsInMs ?? 600_000)),
  keys: (options.keys ?? []).map((key) => ({ person: 'ada@example.org', key })),
});

/** Waits for a sliver to be in a state, by watching. */
export async function untilState(client: Client<typeof nodeRoutes>, slice: string, state: string): Promise<NodeSliver> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), withSlowness(30_000));
  let last: NodeSliver | undefined;
  try {
    for await (const event of await client.watchSlivers({}, { signal: stop.signal })) {
      if (event.type !== 'sliver' || event.sliver.slice !== slice) continue;
      last = event.sliver;
      if (last.state === state) return last;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
  throw new Error(`${slice} did not become ${state}; last: ${JSON.stringify(last)}`);
}

export interface TestNode extends AsyncDisposable {
  readonly name: NodeName;
  readonly stateDir: string;
  readonly namespace: string;
  /** Starts the manager and waits for its uplink. */
  start<T>(authority: { uplinked(): Promise<T> }): Promise<T>;
  /** The manager's process. */
  process(): ChildProcess;
  stop(signal: NodeJS.Signals): Promise<void>;
  readonly tag: string;
}

/** A joined node whose manager runs in the network's namespace. */
export async function joinedNode(
  authority: Pick<TestAuthority, 'invitation'>,
  network: TestNetwork,
  name: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<TestNode> {
  const { namespace } = network;
  const nodeName = NodeName.parse(name);
  const stateDir = join(mkdtempSync(join(tmpdir(), 'planetlab-test-')), 'state');
  mkdirSync(stateDir, { mode: 0o700 });
  const defaults = { vmm: 'oci', imagesDir: IMAGES, idBase: 300_000_000 };
  writeFileSync(join(stateDir, 'config.json'), JSON.stringify({ ...defaults, ...config }));
  const token = join(stateDir, '..', 'token');
  writeFileSync(token, authority.invitation(nodeName), { mode: 0o600 });
  const joining = [process.execPath, NODE_MANAGER, 'join', token, '--state', stateDir, '--json'] as const;
  const { stdout } = await systemRunner.run({ argv: [...inNamespace(namespace), ...joining] });
  const tag = String(JSON.parse(stdout).nodeId).slice(0, 8);
  let manager: ChildProcess | undefined;
  const node: TestNode = {
    ...{ name: nodeName, stateDir, namespace, tag },
    async start(from) {
      const [program, ...args] = [
        ...inNamespace(namespace),
        process.execPath,
        NODE_MANAGER,
        'run',
        '--state',
        stateDir,
      ];
      const stdio = process.env['PLANETLAB_TEST_LOGS'] === undefined ? 'ignore' : 'inherit';
      manager = spawn(program, args, { stdio: ['ignore', stdio, 'inherit'] });
      const failed = once(manager, 'exit').then(([code]) =>
        Promise.reject(new Error(`the manager ended with ${code}`)),
      );
      failed.catch(() => {}); // later exits are asked for
      return Promise.race([from.uplinked(), failed]);
    },
    process() {
      if (manager === undefined) throw new Error('not started');
      return manager;
    },
    async stop(signal) {
      if (manager === undefined || manager.exitCode !== null || manager.signalCode !== null) return;
      const exited = once(manager, 'exit');
      manager.kill(signal);
      await exited;
    },
    async [Symbol.asyncDispose]() {
      await node.stop('SIGKILL');
      const purge = [process.execPath, NODE_MANAGER, 'purge', '--state', stateDir] as const;
      if (existsSync(stateDir)) await systemRunner.run({ argv: [...inNamespace(namespace), ...purge] });
      rmSync(join(stateDir, '..'), { recursive: true, force: true });
    },
  };
  return node;
}

/** Addresses for tests only (RFC 5737); one link between the namespace and the machine. */
export const HOST_IPV4 = '198.51.100.1';
export const NODE_IPV4 = '198.51.100.2';

export interface TestNetwork extends AsyncDisposable {
  readonly namespace: string;
}

/** A network namespace for one node, with a link to this machine that stands for the Internet. */
export async function createTestNetwork(name: string): Promise<TestNetwork> {
  const namespace = `planetlab-test-${name}`;
  const remove = () => deleteNetworkNamespace(namespace, systemRunner);
  await remove(); // of an earlier run that was killed
  try {
    await makeNetwork(namespace);
  } catch (error) {
    await remove();
    throw error;
  }
  return { namespace, [Symbol.asyncDispose]: remove };
}

async function makeNetwork(namespace: string): Promise<void> {
  await createNetworkNamespace(namespace, systemRunner);
  // Of IPv4 a new namespace has the settings of this machine, which may be a router.
  const noRouter = ['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward'] as const;
  await systemRunner.run({ argv: [...inNamespace(namespace), ...noRouter] });
  const outside = `link add name pltest-host type veth peer name eth-node netns ${namespace}
address add ${HOST_IPV4}/30 dev pltest-host
link set dev pltest-host up
`;
  const inside = `link set dev lo up
link set dev eth-node up
address add ${NODE_IPV4}/30 dev eth-node
route add default via ${HOST_IPV4}
`;
  await systemRunner.run({ argv: ['ip', '-batch', '-'], input: outside });
  await systemRunner.run({ argv: [...inNamespace(namespace), 'ip', '-batch', '-'], input: inside });
}

export async function eventually(check: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<boolean> {
  const deadline = performance.now() + withSlowness(timeoutMs);
  while (performance.now() < deadline) {
    if (await check()) return true;
    await delay(20);
  }
  return false;
}

export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
