import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inNamespace, removeCgroupTree, systemRunner } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { findRuntime } from '@planetlab/vmm/oci';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from '../tests/host/node-fixture.ts';
import { type Benchmark, median, percentile, round } from './benchmark.ts';
import { byHandBundle, byHandScript } from './by-hand.ts';

const ROUNDS = 40;
const WARM_UP = 3;

/**
 * One sliver, from the lease request at the node's API until its report that it runs with its network, beside the same
 * made by hand: a shell script with mount, crun and ip. Turn by turn in one run, so that noise meets both.
 */
export const benchmark: Benchmark = {
  question: 'sliver-start: what does a sliver cost, beyond the same namespaces, overlay, veth and crun by hand?',
  async run({ note, signal }) {
    if (process.getuid?.() !== 0)
      throw new PlanetLabError('feature_missing', 'This benchmark makes containers and needs root.');
    await ensureImage();
    await using network = await createTestNetwork('bench');
    await using authority = await startAuthority(HOST_IPV4);
    await using node = await joinedNode(authority, network, 'bench', { ipv6Prefix: 'fd00:db8:0:9::/64' });
    const { client } = nodeClient(authority.identity, await node.start(authority));
    await using hand = await byHand(network.namespace);
    const raw: number[] = [];
    const ours: number[] = [];
    for (let index = 0; index < ROUNDS + WARM_UP && !signal.aborted; index += 1) {
      const rawMs = await hand.start();
      const oursMs = await sliverStart(client, `test_b${index}`);
      if (index < WARM_UP) continue;
      raw.push(rawMs);
      ours.push(oursMs);
    }
    note(`  ${raw.length} rounds, after ${WARM_UP} to warm up`);
    const rawMs = median(raw);
    const sliverMs = median(ours);
    return {
      raw_ms: round(rawMs),
      sliver_ms: round(sliverMs),
      ratio: round(sliverMs / rawMs, 2),
      sliver_p95_ms: round(percentile(ours, 95)),
      rounds: raw.length,
    };
  },
};

type NodeApi = ReturnType<typeof nodeClient>['client'];

async function sliverStart(client: NodeApi, slice: string): Promise<number> {
  const stop = new AbortController();
  const events = (await client.watchSlivers({}, { signal: stop.signal }))[Symbol.asyncIterator]();
  await events.next(); // the watch is open
  const startMs = performance.now();
  const lease = await client.requestLease({ body: leaseFor(slice) });
  for (;;) {
    const { value: event, done } = await events.next();
    if (done === true) throw new Error('the watch ended');
    if (event.type === 'sliver' && event.sliver.slice === slice && event.sliver.state === 'running') break;
  }
  const elapsedMs = performance.now() - startMs;
  stop.abort();
  await client.endLease({ params: { lease: lease.id } });
  await untilState(client, slice, 'gone').catch(() => {}); // it may have gone before we looked
  return elapsedMs;
}

interface ByHand extends AsyncDisposable {
  start(): Promise<number>;
}

/** The same by hand: one shell script per start, in the same network namespace, on the same image. */
async function byHand(namespace: string): Promise<ByHand> {
  const { path: runtime } = await findRuntime(systemRunner, { initPath: '/usr/bin/catatonit' });
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-bench-'));
  const digest = JSON.parse(readFileSync('/var/lib/planetlab/images/debian-12.json', 'utf8')).digest as string;
  const image = `/var/lib/planetlab/images/rootfs/${digest.replace('sha256:', '')}`;
  const script = byHandScript({ folder, image, runtime });
  mkdirSync(join(folder, 'bundle'));
  writeFileSync(join(folder, 'bundle/config.json'), byHandBundle(folder));
  const run = (step: string) => systemRunner.run({ argv: [...inNamespace(namespace), 'sh', '-euc', step] });
  return {
    async start() {
      const startMs = performance.now();
      await run(script.start);
      const elapsedMs = performance.now() - startMs;
      await run(script.stop);
      return elapsedMs;
    },
    async [Symbol.asyncDispose]() {
      await run(script.stop).catch(() => {}); // nothing to stop, usually
      await removeCgroupTree('planetlab-bench');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
