import { messageOf, PlanetLabError } from '@planetlab/model';
import {
  ensureImage,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from '../tests/host/node-fixture.ts';
import { AUTHORITY_IPV4, createBenchNetwork } from './bench-network.ts';
import { type Benchmark, median, round } from './benchmark.ts';
import type { Peer } from './peer.ts';
import { prepareLxc } from './peer-lxc.ts';
import { createPeerPlace } from './peer-place.ts';
import { preparePodman } from './peer-podman.ts';

const ROUNDS = 20;
const WARM_UP = 2;

/** What takes part: name of its figure, and how it gets ready in a place of its own. */
const PEERS = {
  podman: (place) => preparePodman(place, { userNamespace: true }),
  lxc: (place) => prepareLxc(place, { userNamespace: true }),
  podman_plain: (place) => preparePodman(place, { userNamespace: false }),
  lxc_plain: (place) => prepareLxc(place, { userNamespace: false }),
} as const satisfies Record<string, (place: Awaited<ReturnType<typeof createPeerPlace>>) => Promise<Peer>>;

/** Turn by turn: a sliver, and a container of the same image by each peer, until the first program has run in it. */
export const benchmark: Benchmark = {
  question: 'start-vs-peers: create, start, network up, first exec answered: a sliver beside podman and LXC',
  async run({ note, signal }) {
    if (process.getuid?.() !== 0)
      throw new PlanetLabError('feature_missing', 'This benchmark makes containers and needs root.');
    await ensureImage();
    await using contestants = new Contestants();
    await using network = await createBenchNetwork('peers');
    await using authority = await startAuthority(AUTHORITY_IPV4);
    await using node = await joinedNode(authority, network, 'peers', { ipv6Prefix: 'fd00:db8:0:b::/64' });
    await using ours = await openOurs(nodeClient(authority.identity, await node.start(authority)));
    contestants.add('ours', ours);
    for (const [name, prepare] of Object.entries(PEERS)) await contestants.prepare(name, prepare);
    for (let index = 0; index < ROUNDS + WARM_UP && !signal.aborted; index += 1)
      await contestants.round(index, index >= WARM_UP);
    note(`  ${ROUNDS} rounds, after ${WARM_UP} to warm up`);
    return { ...contestants.figures(), rounds: ROUNDS };
  },
};

/** Those that could be made ready, their times, and why the others could not. */
class Contestants implements AsyncDisposable {
  readonly #names: string[] = [];
  readonly #peers = new Map<string, Peer>();
  readonly #times = new Map<string, { readonly totalMs: number; readonly execMs: number }[]>();
  readonly #reasons = new Map<string, string>();
  readonly #places = new AsyncDisposableStack();

  add(name: string, peer: Peer): void {
    this.#names.push(name);
    this.#peers.set(name, peer);
    this.#times.set(name, []);
  }

  async prepare(name: string, prepare: (typeof PEERS)[keyof typeof PEERS]): Promise<void> {
    try {
      const place = this.#places.use(await createPeerPlace(`peer-${name.replace('_', '-')}`));
      this.add(name, await prepare(place));
    } catch (error) {
      this.#names.push(name);
      this.#reasons.set(name, messageOf(error));
    }
  }

  /** One start by each. One that fails takes no further part, and its reason stands in the place of a figure. */
  async round(index: number, counts: boolean): Promise<void> {
    for (const [name, peer] of this.#peers) {
      const container = `test_p${index}`;
      const startMs = performance.now();
      try {
        await peer.start(container);
        const startedMs = performance.now();
        await peer.exec(container);
        const endMs = performance.now();
        if (counts) this.#times.get(name)?.push({ totalMs: endMs - startMs, execMs: endMs - startedMs });
      } catch (error) {
        this.#peers.delete(name);
        this.#reasons.set(name, messageOf(error));
      }
      await peer.stop(container);
    }
  }

  figures(): Record<string, number | string | null> {
    const figures: Record<string, number | string | null> = {};
    for (const name of this.#names) {
      const reason = this.#reasons.get(name);
      const times = this.#times.get(name) ?? [];
      figures[`${name}_ms`] = reason === undefined ? round(median(times.map(({ totalMs }) => totalMs))) : null;
      if (reason === undefined) figures[`${name}_exec_ms`] = round(median(times.map(({ execMs }) => execMs)));
      else figures[`${name}_reason`] = reason;
    }
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#places.disposeAsync();
  }
}

/**
 * A sliver as its user sees it: asked for at the node's API, reported as running, a program run over the same API. The
 * watch is open before the first request, as the peers' bridges are there.
 */
async function openOurs({ client, exec }: ReturnType<typeof nodeClient>): Promise<Peer & AsyncDisposable> {
  const watch = new AbortController();
  const events = (await client.watchSlivers({}, { signal: watch.signal }))[Symbol.asyncIterator]();
  await events.next(); // it is open
  const leases = new Map<string, Awaited<ReturnType<typeof client.requestLease>>['id']>();
  return {
    async start(slice) {
      leases.set(slice, (await client.requestLease({ body: leaseFor(slice) })).id);
      for (;;) {
        const { value: event, done } = await events.next();
        if (done === true) throw new Error('the watch ended');
        if (event.type === 'sliver' && event.sliver.slice === slice && event.sliver.state === 'running') break;
      }
    },
    async exec(slice) {
      const { code, stderr } = await exec(slice, ['true']);
      if (code !== 0) throw new Error(`exec ended with ${code}: ${stderr}`);
    },
    async stop(slice) {
      const lease = leases.get(slice);
      if (lease === undefined) return;
      await client.endLease({ params: { lease } });
      await untilState(client, slice, 'gone').catch(() => {}); // it may have gone before we looked
    },
    async [Symbol.asyncDispose]() {
      watch.abort();
    },
  };
}
