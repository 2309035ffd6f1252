import type { ClientHttp2Session } from 'node:http2';
import type { LeaseRecord } from '@planetlab/contract';
import { Resources, type ResourcesInput } from '@planetlab/model';
import { afterAll, beforeAll, describe } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  eventually,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  type TestAuthority,
  type TestNetwork,
  type TestNode,
  untilState,
} from './node-fixture.ts';

export type Caller = ReturnType<typeof nodeClient>;

/** A node that has joined, and a broker that calls it. */
export interface NodeWorld extends AsyncDisposable {
  readonly authority: TestAuthority;
  readonly network: TestNetwork;
  readonly node: TestNode;
  /** Of the manager that was started last; the same principal each time. */
  readonly caller: Caller;
  /** Starts the manager, for the first time or again. `env` is for that start only. */
  start(env?: Readonly<Record<string, string>>): Promise<ClientHttp2Session>;
  /** Asks for a sliver and waits until it runs. */
  sliver(slice: string, resources?: ResourcesInput): Promise<LeaseRecord>;
  /** Ends all leases and waits until nothing is left of their slivers. */
  endAll(): Promise<void>;
}

export interface NodeWorldOptions {
  /** Of the node; at most 15 characters. */
  readonly name: string;
  /** Goes into the node's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Joined, and not started. */
export async function createNodeWorld({ name, config = {} }: NodeWorldOptions): Promise<NodeWorld> {
  await using stack = new AsyncDisposableStack();
  await ensureImage();
  const network = stack.use(await createTestNetwork(name));
  const authority = stack.use(await startAuthority(HOST_IPV4));
  const node = stack.use(await joinedNode(authority, network, name, config));
  let caller: Caller | undefined;
  const current = (): Caller => {
    if (caller === undefined) throw new Error('the manager was not started');
    return caller;
  };
  const slivers = async () => (await current().client.listSlivers({})).items;
  const owned = stack.move();
  return {
    ...{ authority, network, node },
    get caller() {
      return current();
    },
    async start(env = {}) {
      const session = await withEnvironment(env, () => node.start(authority));
      caller = nodeClient(authority.identity, session, caller === undefined ? {} : { key: caller.key });
      return session;
    },
    async sliver(slice, resources = {}) {
      const plain = leaseFor(slice);
      const body = { ...plain, resources: Resources.parse({ ...plain.resources, ...resources }) };
      const lease = await current().client.requestLease({ body });
      await untilState(current().client, slice, 'running');
      return lease;
    },
    async endAll() {
      const { client } = current();
      for (const { id } of (await client.listLeases({})).items) await client.endLease({ params: { lease: id } });
      if (!(await eventually(async () => (await slivers()).length === 0, 60_000)))
        throw new Error(`slivers are left: ${JSON.stringify(await slivers())}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** What the manager is started from inherits this process's environment. */
async function withEnvironment<T>(env: Readonly<Record<string, string>>, act: () => Promise<T>): Promise<T> {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    return await act();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const isRoot = process.getuid?.() === 0;
const SET_UP_MS = 120_000;

/** A suite over one node, which is there while its tests run; without root it is skipped, and says so. */
export function describeNode(
  title: string,
  options: NodeWorldOptions & {
    /** Environment of the first start; null: the suite starts the manager itself. */
    readonly firstStart?: Readonly<Record<string, string>> | null;
  },
  tests: (world: NodeWorld) => void,
): void {
  if (!isRoot) console.log(`skipped: ${title}: namespaces, mounts and containers need root`);
  // without root the reason is printed above
  describe.runIf(isRoot)(title, () => {
    let opened: NodeWorld | undefined;
    const current = (): NodeWorld => {
      if (opened === undefined) throw new Error('the node is there only while tests run');
      return opened;
    };
    beforeAll(async () => {
      opened = await createNodeWorld(options);
      if (options.firstStart !== null) await opened.start(options.firstStart);
    }, SET_UP_MS);
    afterAll(() => opened?.[Symbol.asyncDispose]());
    tests({
      get authority() {
        return current().authority;
      },
      get network() {
        return current().network;
      },
      get node() {
        return current().node;
      },
      get caller() {
        return current().caller;
      },
      start: (env) => current().start(env),
      sliver: (slice, resources) => current().sliver(slice, resources),
      endAll: () => current().endAll(),
      [Symbol.asyncDispose]: () => current()[Symbol.asyncDispose](),
    });
  });
}
