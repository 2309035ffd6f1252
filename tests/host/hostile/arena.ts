import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeSliver } from '@planetlab/contract';
import { Resources, type ResourcesInput } from '@planetlab/model';
import { withSlowness } from '../../slowness.ts';
import { type Caller, createNodeWorld } from '../describe-node.ts';
import { leaseFor, type TestNode, untilState } from '../node-fixture.ts';
import { startService, startStream } from './service.ts';

/** A node with two slivers: one attacks, and beside it a small service is used and measured. */

export const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: hostile slivers need a node that runs containers, and that needs root');

export const EVIL = 'test_evil';
export const GOOD = 'test_good';

/**
 * While an attack goes on, answers of the neighbour and of the manager take at most this long. There is room in it for a
 * machine on which other work goes on; what it costs exactly is measured by the benchmark `noisy-neighbour`.
 */
export const NEIGHBOUR_P99_MS = withSlowness(2_500);
export const MANAGER_ANSWER_MS = withSlowness(5_000);
export const MANAGER_RSS_MIB = 400;
/** Its link is still good for this part of what came through it before. */
const NEIGHBOUR_RATE_PART = 1 / withSlowness(4);
/** A process of the host gets a processor at the latest after this. */
export const HOST_LATE_MS = withSlowness(5_000);
/** What the neighbour may send at most: little enough to come through a busy machine whole. */
const LINK_KBPS = 8_000;
/** From so many on, one in a hundred is one. */
const MIN_SAMPLES = 100;
const TICK_MS = 10;
const ALONE_MS = 1_000;
/** All that a sliver can ask for: what bounds the attacker's flows is then their number. */
const MOST_NEW_FLOWS = 100_000;

export interface Arena extends AsyncDisposable {
  readonly node: TestNode;
  readonly caller: Caller;
  readonly evil: NodeSliver;
  readonly good: NodeSliver;
  /** Runs shell words in the attacker's sliver. */
  attack(script: string): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
  /** Runs a Perl program there. */
  perl(program: string, ...args: readonly string[]): ReturnType<Arena['attack']>;
  /** Uses the neighbour and the manager until `during` is settled, and says how they were served meanwhile. */
  measure<T>(during: Promise<T>): Promise<Measured & { readonly result: T }>;
  /** The same from now on: for attacks that are many and short. */
  startMeasuring(): Measuring;
  /** Uses the neighbour's service, and reads what it wrote: resolves to `WELL`. */
  neighbour(): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
}

export interface Measured {
  readonly neighbourP99Ms: number;
  /** What of the neighbour's came out at the other end of its link, and what did while nobody attacked. */
  readonly neighbourKbps: number;
  readonly aloneKbps: number;
  readonly managerSlowestMs: number;
  readonly managerRssMib: number;
  /** How long a process of the host, this one, waited for a processor at most; the times above are without that. */
  readonly hostLateMs: number;
}

/** Goes on until it is ended or disposed of. */
export interface Measuring extends AsyncDisposable {
  end(): Promise<Measured>;
}

const SECRET = 'kept by the neighbour';
export const WELL = { stdout: `${SECRET}\n`, stderr: '', code: 0 };

export async function createArena(name: string): Promise<Arena> {
  const stack = new AsyncDisposableStack();
  try {
    const config = {
      ipv6Prefix: 'fd00:db8:0:1::/64',
      apiListen: '0.0.0.0:7443',
      sshListen: '0.0.0.0:2222',
      diskBound: 'loop',
    };
    const world = stack.use(await createNodeWorld({ name, config }));
    await world.start();
    const { node, caller } = world;
    const [evil, good] = await Promise.all([
      makeSliver(caller, EVIL, { newFlowsPerSecond: MOST_NEW_FLOWS }),
      makeSliver(caller, GOOD, { egress: { maxKbps: LINK_KBPS } }),
    ]);
    await caller.exec(GOOD, ['sh', '-c', `echo ${SECRET} > /root/data; chmod 600 /root/data`]);
    const service = stack.use(await startService(caller, GOOD));
    const stream = stack.use(await startStream(caller, GOOD));
    const alone = stream.rate();
    await delay(ALONE_MS);
    const aloneKbps = Math.min(LINK_KBPS, alone());
    const attack = (script: string) => caller.exec(EVIL, ['bash', '-c', script]);
    const measure = async <T>(during: Promise<T>) => {
      const rate = stream.rate();
      const served = await serve({ node, during, neighbour: service.ask, manager: () => caller.client.getNode({}) });
      return { ...served, neighbourKbps: rate(), aloneKbps, result: await during };
    };
    return {
      ...{ node, caller, evil, good, attack, measure },
      perl: (program, ...args) => caller.exec(EVIL, ['perl', '-e', program, ...args]),
      startMeasuring() {
        const over = Promise.withResolvers<void>();
        const measured = measure(over.promise);
        measured.catch(() => {}); // who ends it hears of it
        const end = () => {
          over.resolve();
          return measured;
        };
        return { end, [Symbol.asyncDispose]: () => end().then(() => {}) };
      },
      async neighbour() {
        await service.ask();
        return caller.exec(GOOD, ['cat', '/root/data']);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

interface Served {
  readonly node: TestNode;
  readonly during: Promise<unknown>;
  readonly neighbour: () => Promise<unknown>;
  readonly manager: () => Promise<unknown>;
}

/** Asks both again and again until `during` is settled, and often enough for a percentile. */
async function serve({ node, during, neighbour, manager }: Served) {
  const rss = () => Number(/VmRSS:\s+(\d+)/.exec(statusOf(node))?.[1]) / 1024;
  const used = { neighbour: [] as number[], manager: [] as number[], rss: rss(), late: 0 };
  const state = { over: false };
  const end = during.finally(() => {
    state.over = true;
  });
  const use = async (times: number[], ask: () => Promise<unknown>) => {
    using own = ownLateness();
    while (!state.over || times.length < MIN_SAMPLES) {
      own.begin();
      const before = performance.now();
      await ask();
      const late = own.mostMs();
      times.push(performance.now() - before - late);
      used.late = Math.max(used.late, late);
      used.rss = Math.max(used.rss, rss());
      await delay(10);
    }
  };
  await Promise.all([use(used.neighbour, neighbour), use(used.manager, manager), end]);
  const sorted = used.neighbour.toSorted((a, b) => a - b);
  return {
    neighbourP99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY,
    managerSlowestMs: Math.max(...used.manager),
    managerRssMib: used.rss,
    hostLateMs: used.late,
  };
}

/** How late this process itself was served: when the machine is busy elsewhere, that is not the attacker's doing. */
function ownLateness() {
  let [most, last] = [0, performance.now()];
  const tick = () => {
    const now = performance.now();
    most = Math.max(most, now - last - TICK_MS);
    last = now;
  };
  const timer = setInterval(tick, TICK_MS);
  return {
    begin() {
      tick();
      most = 0;
    },
    mostMs() {
      tick();
      return most;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

async function makeSliver(caller: Caller, slice: string, more: ResourcesInput): Promise<NodeSliver> {
  const plain = leaseFor(slice);
  const resources = Resources.parse({ ...plain.resources, ...more });
  await caller.client.requestLease({ body: { ...plain, resources } });
  return untilState(caller.client, slice, 'running');
}

const statusOf = (node: TestNode): string => readFileSync(`/proc/${node.process().pid}/status`, 'utf8');

/** What of the bounds that hold whatever a sliver does was not kept. */
export const outOfBounds = (measured: Measured): readonly string[] => [
  ...(measured.neighbourP99Ms <= NEIGHBOUR_P99_MS ? [] : [`the neighbour took ${measured.neighbourP99Ms} ms`]),
  ...(measured.neighbourKbps >= measured.aloneKbps * NEIGHBOUR_RATE_PART
    ? []
    : [`the neighbour sent ${measured.neighbourKbps} kbit/s, and ${measured.aloneKbps} alone`]),
  ...(measured.hostLateMs <= HOST_LATE_MS ? [] : [`a process of the host waited ${measured.hostLateMs} ms`]),
  ...(measured.managerSlowestMs <= MANAGER_ANSWER_MS ? [] : [`the manager took ${measured.managerSlowestMs} ms`]),
  ...(measured.managerRssMib <= MANAGER_RSS_MIB ? [] : [`the manager has ${measured.managerRssMib} MiB`]),
];
