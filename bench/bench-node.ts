import type { Readable, Writable } from 'node:stream';
import { PlanetLabError, Resources, type ResourcesInput } from '@planetlab/model';
import {
  ensureImage,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from '../tests/host/node-fixture.ts';
import { AUTHORITY_IPV4, type BenchNetwork, createBenchNetwork } from './bench-network.ts';

/** A real node manager with the default route to a world of its own, for as long as one measurement takes. */
export interface BenchNode extends AsyncDisposable {
  readonly network: BenchNetwork;
  /** On the file system where slivers of this node keep what they write. */
  readonly stateDir: string;
  /** Starts a sliver and waits until it runs. */
  startSliver(slice: string, resources: ResourcesInput): Promise<BenchSliver>;
}

export interface BenchSliver {
  /** Runs a program in it to its end, as its user does; its output. */
  exec(argv: readonly string[]): Promise<string>;
  /** Starts one in the same way. */
  start(argv: readonly string[]): Promise<BenchProgram>;
}

/** A program that runs. */
export interface BenchProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<{ readonly code: number | null }>;
}

/** `config` goes into the node's own configuration. */
export async function startBenchNode(name: string, config: Readonly<Record<string, unknown>> = {}): Promise<BenchNode> {
  if (process.getuid?.() !== 0)
    throw new PlanetLabError('feature_missing', 'This benchmark makes containers and needs root.');
  await ensureImage();
  await using started = new AsyncDisposableStack();
  const network = started.use(await createBenchNetwork(name));
  const authority = started.use(await startAuthority(AUTHORITY_IPV4));
  const node = started.use(await joinedNode(authority, network, name, config));
  const { client, exec, open } = nodeClient(authority.identity, await node.start(authority));
  const all = started.move();
  return {
    network,
    stateDir: node.stateDir,
    async startSliver(slice, resources) {
      await client.requestLease({ body: { ...leaseFor(slice), resources: Resources.parse(resources) } });
      await untilState(client, slice, 'running');
      return {
        start: (argv) => open(slice, { argv: [...argv] }),
        async exec(argv) {
          const { stdout, stderr, code } = await exec(slice, argv);
          if (code !== 0) throw new Error(`${argv[0]} in ${slice} ended with ${code}: ${stderr.slice(-500)}`);
          return stdout;
        },
      };
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
