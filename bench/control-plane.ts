import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromInstant, NodeName, SliceName } from '@planetlab/model';
import { type Benchmark, percentile, round, timesOf } from './benchmark.ts';
import { type PlcProcess, startPlcProcess } from './plc-process.ts';
import { cpuSecondsOf } from './process-use.ts';
import { benchmark as selection } from './select.ts';

const DEFAULT_NODES = 1000;
const DEFAULT_SLICES = 20;
const AT_A_TIME = 16;
const READS = 200;
const IDLE_SECONDS = 30;
const POLL_MS = 250;
/** Nodes say anew what they have left after their last change. */
const REST_MS = 5_000;
const DEADLINE_MS = 30 * 60_000;
/** A hundred of them fit on any machine that this runs on. */
const RESOURCES = { memoryMiB: 16, diskMiB: 16, processes: 8, egress: { minKbps: 1, maxKbps: 1000 } };

/** One PLC with its database, and many node managers with a simulated VMM: what a slice on all of them takes, and lists of them. */
export const benchmark: Benchmark = {
  question: 'control-plane: how fast does one PLC put slices on very many nodes, list them, and take the nodes back?',
  async run({ note, nodes: count = DEFAULT_NODES, slices = DEFAULT_SLICES }) {
    await using stack = new AsyncDisposableStack();
    const folder = stack.adopt(mkdtempSync(join(tmpdir(), 'planetlab-bench-plc-')), remove);
    chmodSync(folder, 0o711); // the database runs as somebody else
    const plc = stack.use(await startPlcProcess(join(folder, 'plc')));
    await plc.client.createSite({ body: { name: 'bench', title: 'Bench' } });
    const names = Array.from({ length: count }, (_, index) => NodeName.parse(`n${String(index).padStart(4, '0')}`));
    const hosts = stack.use(startNodes());
    await inParallel(names, async (name, index) => {
      await plc.client.createNode({ body: { name, site: 'bench' } });
      const { token } = await plc.client.inviteNode({ params: { node: name }, body: {} });
      await hosts.start(index, { name, token });
    });
    await connected(plc, count);
    note(`  ${count} nodes have joined and are connected`);
    const first = await deploy(plc, hosts, names, ['bench_all']);
    note(`  one slice on all: ${JSON.stringify(first)}`);
    const more = Array.from({ length: slices }, (_, index) => `bench_s${index}`);
    const all = await deploy(plc, hosts, names, more);
    note(`  ${slices} slices on all: ${JSON.stringify(all)}`);
    await sleep(REST_MS);
    const lists = {
      ...(await listTimes('list_nodes', () => plc.read('/v1/nodes?limit=1000'))),
      ...(await listTimes('list_slivers', () => plc.read('/v1/slivers?limit=1000&slice=bench_all'))),
    };
    const selected = await selection.run({ note, signal: AbortSignal.abort() });
    const before = plc.cpuSeconds();
    await sleep(IDLE_SECONDS * 1000);
    const after = plc.cpuSeconds();
    const plc_rss_mib = round(plc.residentMiB());
    return {
      nodes: count,
      slices,
      slice_on_all_s: round(first.seconds, 2),
      slivers: all.slivers + first.slivers,
      slivers_per_s: round(all.slivers / all.seconds),
      cpu_ms_per_sliver_plc: round((1000 * all.plc) / all.slivers, 2),
      cpu_ms_per_sliver_database: round((1000 * all.database) / all.slivers, 2),
      cpu_ms_per_sliver_nodes: round((1000 * all.nodes) / all.slivers, 2),
      ...lists,
      select_ms: selected['select_ms'] ?? null,
      plc_rss_mib,
      idle_cpu_pct: round((100 * (after.plc - before.plc)) / IDLE_SECONDS, 2),
      idle_database_cpu_pct: round((100 * (after.database - before.database)) / IDLE_SECONDS, 2),
      reconnect_all_s: round(await reconnect(plc, count), 2),
    };
  },
};

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true });

/** Puts slices on all nodes, and waits until every sliver is reported as running. Time by the authority's own clock. */
async function deploy(plc: PlcProcess, hosts: Nodes, nodes: readonly NodeName[], slices: readonly string[]) {
  for (const name of slices)
    await plc.client.createSlice({ body: { name: SliceName.parse(name), resources: RESOURCES } });
  const cpu = () => ({ ...plc.cpuSeconds(), nodes: hosts.cpuSeconds() });
  const before = cpu();
  const startMs = Date.now();
  let endMs = startMs;
  const operations: string[] = [];
  for (const slice of slices) {
    const params = { slice: SliceName.parse(slice) };
    const { operation } = await plc.client.addSlivers({ params, body: { nodes: [...nodes] } });
    operations.push(operation.id);
  }
  for (const operation of operations) await ended(plc, operation);
  const after = cpu();
  for (const slice of slices) endMs = Math.max(endMs, ...(await runningSince(plc, slice, nodes.length)));
  return {
    seconds: (endMs - startMs) / 1000,
    slivers: slices.length * nodes.length,
    plc: after.plc - before.plc,
    database: after.database - before.database,
    nodes: after.nodes - before.nodes,
  };
}

/** Waits as a person would who put the slice on its nodes. */
async function ended(plc: PlcProcess, operation: string): Promise<void> {
  for (;;) {
    const { state, counts } = await plc.client.getOperation({ params: { operation } });
    if (state === 'succeeded') return;
    if (state !== 'running') throw new Error(`not all slivers run: ${state} ${JSON.stringify(counts)}`);
    await sleep(POLL_MS);
  }
}

/** When each sliver of a slice ran for the first time. */
async function runningSince(plc: PlcProcess, slice: string, count: number): Promise<readonly number[]> {
  const ends: number[] = [];
  for (let after: string | undefined; ; ) {
    const query = `limit=1000&slice=${slice}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`;
    const { items, next }: SliverPage = JSON.parse(await plc.read(`/v1/slivers?${query}`));
    for (const { requestedAt, timeToRunningMs } of items)
      ends.push(fromInstant(requestedAt) + (timeToRunningMs ?? Number.NaN));
    after = next ?? undefined;
    if (after === undefined) break;
  }
  if (ends.length !== count) throw new Error(`${slice} has ${ends.length} slivers instead of ${count}`);
  return ends;
}

/** What of the list is looked at. */
interface SliverPage {
  readonly items: readonly {
    readonly requestedAt: Parameters<typeof fromInstant>[0];
    readonly timeToRunningMs: number | null;
  }[];
  readonly next?: string | null;
}

async function connected(plc: PlcProcess, count: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = [...(await plc.read('/metrics')).matchAll(/^planetlab_nodes_connected (\d+)$/gm)];
    if (Number(found[0]?.[1]) >= count) return;
    if (performance.now() > deadline) throw new Error(`only ${found[0]?.[1]} of ${count} nodes are connected`);
    await sleep(POLL_MS);
  }
}

/** Seconds from the moment when the PLC answers again until it has all nodes. */
async function reconnect(plc: PlcProcess, count: number): Promise<number> {
  await plc.restart();
  const startMs = performance.now();
  await connected(plc, count);
  return (performance.now() - startMs) / 1000;
}

/** The 99th percentile and the median, in milliseconds. */
async function listTimes(name: string, read: () => Promise<unknown>): Promise<Record<string, number>> {
  const times = await timesOf(READS, read);
  return { [`${name}_ms`]: round(percentile(times, 99)), [`${name}_p50_ms`]: round(percentile(times, 50)) };
}

async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) await work(item, index);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

interface Nodes extends AsyncDisposable {
  /** Joins a node and starts its manager in one of the processes. */
  start(index: number, invitation: { readonly name: string; readonly token: string }): Promise<void>;
  cpuSeconds(): number;
}

/** One process for each core; what nodes remember is in memory, for each would have a disk of its own. */
function startNodes(): Nodes {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'planetlab-bench-nodes-'));
  const started = new Map<string, () => void>();
  const children = Array.from({ length: availableParallelism() }, () => nodeProcess(folder, started));
  return {
    async start(index, { name, token }) {
      const runs = new Promise<void>((resolve) => started.set(name, resolve));
      // joins are limited for each address
      const localAddress = `127.1.${index >> 5}.${1 + (index & 31)}`;
      children[index % children.length]?.stdin?.write(`${JSON.stringify({ name, token, localAddress })}\n`);
      await runs;
    },
    cpuSeconds: () => children.reduce((sum, { pid }) => sum + cpuSecondsOf(pid ?? 0), 0),
    async [Symbol.asyncDispose]() {
      const ended = children.map((child) => (child.exitCode === null ? once(child, 'exit') : undefined));
      for (const child of children) child.stdin?.end();
      await Promise.all(ended);
      remove(folder);
    },
  };
}

function nodeProcess(folder: string, started: ReadonlyMap<string, () => void>): ChildProcess {
  const program = join(import.meta.dirname, 'many-nodes.ts');
  const child = spawn(process.execPath, [program, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (name) => started.get(name)?.());
  return child;
}
