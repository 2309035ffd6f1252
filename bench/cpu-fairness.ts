import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupFolder, cgroupLayout, readCgroupHierarchies } from '@planetlab/linux';
import { PlanetLabError, Resources } from '@planetlab/model';
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
import { type Benchmark, round } from './benchmark.ts';

const SLIVERS = 8;
const SETTLE_MS = 3_000;
const WINDOW_MS = 20_000;
const RESERVED = 'test_f0';
const ATTEMPTS = 5;
const KILLED = 128;

/**
 * Busy slivers, each with as many loops as there are cores. What each got is its cgroup's own count of processor time,
 * in parts of what all slivers got together: what else runs on the machine takes from all of them alike, but from one with
 * a reservation only what it did not reserve. So what all got, and it, are shown as well.
 */
export const benchmark: Benchmark = {
  question: `cpu-fairness: ${SLIVERS} busy slivers: how far is each from its part, and does a reservation hold?`,
  async run({ note }) {
    if (process.getuid?.() !== 0)
      throw new PlanetLabError('feature_missing', 'This benchmark makes containers and needs root.');
    await ensureImage();
    await using network = await createTestNetwork('fairness');
    await using authority = await startAuthority(HOST_IPV4);
    await using node = await joinedNode(authority, network, 'fairness');
    const caller = nodeClient(authority.identity, await node.start(authority));
    const slices = Array.from({ length: SLIVERS }, (_, index) => `test_f${index}`);
    const leases = new Map<string, { readonly id: string; readonly resources: Resources }>();
    const busy: Promise<unknown>[] = [];
    for (const slice of slices) {
      leases.set(slice, await caller.client.requestLease({ body: leaseFor(slice, { memoryMiB: 32 }) }));
      await untilState(caller.client, slice, 'running');
      busy.push(beBusy(caller, slice));
    }
    const reserve = async (part: number) => {
      const lease = leases.get(RESERVED);
      if (lease === undefined) throw new Error('no lease');
      const resources = Resources.parse({ ...lease.resources, ...reservation(part) });
      await caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
      return measure(node.tag, slices);
    };
    const equal = partsOf(await measure(node.tag, slices));
    note(`  parts of ${SLIVERS} equal slivers: ${[...equal.values()].map((part) => round(part, 2)).join(' ')} %`);
    const quarterMillis = await reserve(0.25);
    const quarter = partsOf(quarterMillis);
    const halfMillis = await reserve(0.5);
    const half = partsOf(halfMillis);
    note(
      `  with a reservation by which one gets half: ${[...half.values()].map((part) => round(part, 2)).join(' ')} %`,
    );
    for (const { id } of leases.values()) await caller.client.endLease({ params: { lease: id } });
    await Promise.all(busy);
    return {
      max_error_pct: round(Math.max(...[...equal.values()].map((part) => Math.abs(part - 100 / SLIVERS))), 2),
      reserved_25_pct: round(quarter.get(RESERVED) ?? 0, 2),
      reserved_25_reservation_pct: reservedPart(0.25),
      reserved_25_millis: round(quarterMillis.get(RESERVED) ?? 0, 0),
      reserved_50_pct: round(half.get(RESERVED) ?? 0, 2),
      reserved_50_reservation_pct: reservedPart(0.5),
      reserved_50_millis: round(halfMillis.get(RESERVED) ?? 0, 0),
      slivers_millis: round(sum(halfMillis.values()), 0),
      window_seconds: WINDOW_MS / 1000,
      slivers: SLIVERS,
      load: round(loadavg()[0] ?? 0, 2),
    };
  },
};

/** As many loops as cores. */
const BUSY = `for (2..${availableParallelism()}) { last unless fork } 1 while 1`;

/** Until its sliver ends. A machine that has only just started may not let anybody in yet: then once more. */
async function beBusy(caller: ReturnType<typeof nodeClient>, slice: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { code } = await caller.exec(slice, ['perl', '-e', BUSY]).catch(() => ({ code: KILLED }));
    if (code >= KILLED) return;
  }
}

/**
 * So much that a sliver gets this part of the machine while all others are busy. It has its share of what is not
 * reserved besides, so it needs to reserve less: p = r + (1 - r) / n.
 */
const reservation = (part: number) => ({
  cpuReservedMillis: Math.round(1000 * availableParallelism() * ((part - 1 / SLIVERS) / (1 - 1 / SLIVERS))),
});

/** The same as a part of all cores, in per cent. */
const reservedPart = (part: number): number =>
  round((100 * reservation(part).cpuReservedMillis) / (1000 * availableParallelism()));

/** Thousandths of a core that each got. */
async function measure(tag: string, slices: readonly string[]): Promise<ReadonlyMap<string, number>> {
  await sleep(SETTLE_MS);
  const before = slices.map((slice) => cpuMs(tag, slice));
  await sleep(WINDOW_MS);
  const millis = (slice: string, index: number) => (1000 * (cpuMs(tag, slice) - (before[index] ?? 0))) / WINDOW_MS;
  return new Map(slices.map((slice, index) => [slice, millis(slice, index)]));
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, each) => total + each, 0);

/** Per cent of what all got together. */
function partsOf(millis: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const total = sum(millis.values());
  return new Map([...millis].map(([slice, each]) => [slice, (100 * each) / total]));
}

function cpuMs(tag: string, slice: string): number {
  const hierarchies = readCgroupHierarchies();
  const read = (controller: string, file: string) =>
    readFileSync(join(cgroupFolder(hierarchies, controller, `planetlab/${tag}/${slice}`) ?? '', file), 'utf8');
  if (cgroupLayout(hierarchies) !== 'v2') return Number(read('cpuacct', 'cpuacct.usage')) / 1e6;
  return Number(/^usage_usec (\d+)$/m.exec(read('cpu', 'cpu.stat'))?.[1]) / 1e3;
}
