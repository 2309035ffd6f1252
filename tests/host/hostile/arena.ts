import { readFileSync } from 'node:fs';
import type { NodeSliver } from '@planetlab/contract';
import { withSlowness } from '../../slowness.ts';
import { type Caller, createNodeWorld } from '../describe-node.ts';
import { leaseFor, type TestNode, untilState } from '../node-fixture.ts';
import { startService } from './service.ts';

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
/** From so many on, one in a hundred is one. */
const MIN_SAMPLES = 100;
const TICK_MS = 10;

export interface Arena extends AsyncDisposable {
  readonly node: TestNode;
  readonly caller: Caller;
  readonly evil: NodeSliver;
  readonly good: NodeSliver;
  /** Runs shell words in the attacker's sliver. */
  attack(script: string): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
  /** Runs a Perl program there. */
  perl(program: string, ...args: readonly string[]): ReturnType<Arena['attack']>;
  /** Uses the neighbour and the manager until `during` is settled, and says how long they took to answer. */
  measure<T>(during: Promise<T>): Promise<Measured & { readonly result: T }>;
  /** Uses the neighbour's service, and reads what it wrote: resolves to `WELL`. */
  neighbour(): Promise<{ readonly stdout: string; readonly stderr: string; readonly code: number }>;
}

export interface Measured {
  readonly neighbourP99Ms: number;
  readonly managerSlowestMs: number;
  readonly managerRssMib: number;
}

const SECRET = 'kept by the neighbour';
export const WELL = { stdout: `${SECRET}\n`, stderr: '', code: 0 };

export async function createArena(name: string): Promise<Arena> {
  const stack = new AsyncDisposableStack();
  try {
    const config = { ipv6Prefix: 'fd00:db8:0:1::/64', apiListen: '0.0.0.0:7443', sshListen: '0.0.0.0:2222' };
    const world = stack.use(await createNodeWorld({ name, config }));
    await world.start();
    const { node, caller } = world;
    const [evil, good] = await Promise.all([makeSliver(caller, EVIL), makeSliver(caller, GOOD)]);
    await caller.exec(GOOD, ['sh', '-c', `echo ${SECRET} > /root/data; chmod 600 /root/data`]);
    const service = stack.use(await startService(caller, GOOD));
    const attack = (script: string) => caller.exec(EVIL, ['bash', '-c', script]);
    return {
      ...{ node, caller, evil, good, attack },
      perl: (program, ...args) => caller.exec(EVIL, ['perl', '-e', program, ...args]),
      async measure(during) {
        const rss = () => Number(/VmRSS:\s+(\d+)/.exec(statusOf(node))?.[1]) / 1024;
        const used = { neighbour: [] as number[], manager: [] as number[], rss: rss() };
        const state = { over: false };
        const result = during.finally(() => {
          state.over = true;
        });
        const use = async (times: number[], ask: () => Promise<unknown>) => {
          using own = ownLateness();
          while (!state.over || times.length < MIN_SAMPLES) {
            own.begin();
            const before = performance.now();
            await ask();
            times.push(performance.now() - before - own.mostMs());
            used.rss = Math.max(used.rss, rss());
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
        };
        await Promise.all([
          use(used.neighbour, service.ask),
          use(used.manager, () => caller.client.getNode({})),
          result,
        ]);
        const sorted = used.neighbour.toSorted((a, b) => a - b);
        return {
          result: await result,
          neighbourP99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY,
          managerSlowestMs: Math.max(...used.manager),
          managerRssMib: used.rss,
        };
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

async function makeSliver(caller: Caller, slice: string): Promise<NodeSliver> {
  await caller.client.requestLease({ body: leaseFor(slice) });
  return untilState(caller.client, slice, 'running');
}

const statusOf = (node: TestNode): string => readFileSync(`/proc/${node.process().pid}/status`, 'utf8');

/** What of the bounds that hold whatever a sliver does was not kept. */
export const outOfBounds = (measured: Measured): readonly string[] => [
  ...(measured.neighbourP99Ms <= NEIGHBOUR_P99_MS ? [] : [`the neighbour took ${measured.neighbourP99Ms} ms`]),
  ...(measured.managerSlowestMs <= MANAGER_ANSWER_MS ? [] : [`the manager took ${measured.managerSlowestMs} ms`]),
  ...(measured.managerRssMib <= MANAGER_RSS_MIB ? [] : [`the manager has ${measured.managerRssMib} MiB`]),
];
