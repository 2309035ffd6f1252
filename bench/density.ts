import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, nodeRoutes } from '@planetlab/contract';
import { PlanetLabError, SliceName } from '@planetlab/model';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
} from '../tests/host/node-fixture.ts';
import { sliverCgroup } from '../tests/host/sliver-cgroup.ts';
import { type Benchmark, round } from './benchmark.ts';
import { anonymousMiB, cpuSecondsOf, residentMiB } from './process-use.ts';

const SLIVERS = 1000;
const REQUESTS_AT_ONCE = 16;
const TIMEOUT_MS = 300_000;
/** What each has. A volume as small as this has no journal; one of 64 MiB or more has. */
const SMALL = { memoryMiB: 16, diskMiB: 16, processes: 16 };
/** Two rounds of the manager's looking at everything, which come every 30 s. */
const IDLE_MS = 60_000;

/** Running slivers with network on one node: how long they take to come up, and what each and their manager hold. */
export const benchmark: Benchmark = {
  question: `density: ${SLIVERS} slivers on this machine: how fast, and at what cost each?`,
  async run({ note }) {
    if (process.getuid?.() !== 0)
      throw new PlanetLabError('feature_missing', 'This benchmark makes containers and needs root.');
    await ensureImage();
    await using network = await createTestNetwork('density');
    await using authority = await startAuthority(HOST_IPV4);
    await using node = await joinedNode(authority, network, 'density', { ipv6Prefix: 'fd00:db8:0:a::/64' });
    const { client } = nodeClient(authority.identity, await node.start(authority));
    const pid = node.process().pid ?? 0;
    const before = usedMiB() - residentMiB(pid);
    const seconds = await startAll(client, note);
    await sleep(5000); // what is freed late is freed
    const perSliver = (usedMiB() - residentMiB(pid) - before) / SLIVERS;
    const idlePct = await cpuPercent(pid, IDLE_MS);
    return {
      slivers: SLIVERS,
      seconds: round(seconds),
      mib_per_sliver: round(perSliver - ownMiB(node.tag) / SLIVERS, 2),
      manager_rss_mib: round(residentMiB(pid)),
      manager_idle_cpu_pct: round(idlePct, 2),
      idle_seconds: IDLE_MS / 1000,
      sliver_disk_mib: SMALL.diskMiB,
    };
  },
};

async function startAll(client: Client<typeof nodeRoutes>, note: (line: string) => void): Promise<number> {
  const stop = new AbortController();
  const events = await client.watchSlivers({}, { signal: stop.signal });
  const startMs = performance.now();
  const requests = requestAll(client);
  const running = new Set<string>();
  const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
  for await (const event of events) {
    if (event.type !== 'sliver' || event.sliver.state !== 'running') continue;
    running.add(event.sliver.slice);
    if (running.size % 100 === 0)
      note(`  ${running.size} run after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    if (running.size === SLIVERS) break;
  }
  clearTimeout(timer);
  stop.abort();
  await requests;
  if (running.size < SLIVERS)
    throw new PlanetLabError('timed_out', `Only ${running.size} of ${SLIVERS} slivers came up.`);
  return (performance.now() - startMs) / 1000;
}

async function requestAll(client: Client<typeof nodeRoutes>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < SLIVERS) {
      const slice = SliceName.parse(`test_d${next++}`);
      const body = leaseFor(slice, { endsInMs: 3_600_000 });
      await client.requestLease({ body: { ...body, resources: { ...body.resources, ...SMALL } } });
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, worker));
}

/** Memory that is not free and not cache, in MiB: what kernel and programs hold. */
function usedMiB(): number {
  const info = readFileSync('/proc/meminfo', 'utf8');
  const kib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(info)?.[1]);
  return (kib('MemTotal') - kib('MemAvailable')) / 1024;
}

/** Anonymous memory of the slivers' own processes: their first process, here. */
function ownMiB(tag: string): number {
  return sliverPids(tag).reduce((sum, pid) => sum + anonymousMiB(pid), 0);
}

function sliverPids(tag: string): readonly number[] {
  return Array.from({ length: SLIVERS }, (_, index) => sliverCgroup(tag, `test_d${index}`)).flatMap((each) =>
    each.pids(),
  );
}

/** Of a core, of a process and of the programs it has run to their end meanwhile: nft, tc, crun. */
async function cpuPercent(pid: number, ms: number): Promise<number> {
  const before = cpuSecondsOf(pid);
  await sleep(ms);
  return ((cpuSecondsOf(pid) - before) / (ms / 1000)) * 100;
}
