import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace } from '@planetlab/linux';
import { WORLD_IPV4 } from './bench-network.ts';
import { type BenchSliver, startBenchNode } from './bench-node.ts';
import { type Benchmark, percentile, round } from './benchmark.ts';
import { CLIENT, NEIGHBOURS, SERVICE } from './noisy-programs.ts';

const PORT = 7000;
const ROUNDS = 4;
const PHASE_SECONDS = 5;
/** A quarter of two cores: what a careful owner of a small service would ask for. */
const RESERVED_MILLIS = 500;

/** Latency of a small service in one sliver, as a host far away sees it, with idle and with hostile neighbours by turns. */
export const benchmark: Benchmark = {
  question: 'noisy-neighbour: how much slower does a small service answer when every other sliver is hostile?',
  async run({ note }) {
    await using node = await startBenchNode('noisy');
    const service = await node.startSliver('test_service', {
      ...{ memoryMiB: 64, diskMiB: 100, processes: 32 },
      cpuReservedMillis: RESERVED_MILLIS,
    });
    const neighbours = new Map<string, BenchSliver>();
    for (const name of Object.keys(NEIGHBOURS))
      neighbours.set(name, await node.startSliver(`test_${name}`, { memoryMiB: 64, diskMiB: 100, processes: 64 }));
    await using client = await startClient(node.network.world, service);
    const alone: number[] = [];
    const beside: number[] = [];
    await client.measure(1); // warms up
    const measureBeside = async (hostile: readonly [string, BenchSliver][]) => {
      const ends = hostile.map(([name, sliver]) => misbehave(sliver, NEIGHBOURS[name] ?? ''));
      await sleep(1000); // they are at it
      const times = await client.measure(PHASE_SECONDS);
      await Promise.all(ends);
      return times;
    };
    for (let index = 0; index < ROUNDS; index += 1) {
      alone.push(...(await client.measure(PHASE_SECONDS)));
      beside.push(...(await measureBeside([...neighbours])));
      note(`  round ${index + 1}: p99 ${percentile(alone, 99)} and ${percentile(beside, 99)} µs so far`);
    }
    const each: Record<string, number> = {};
    for (const one of neighbours)
      each[`p99_${one[0]}_ms`] = round(percentile(await measureBeside([one]), 99) / 1000, 2);
    return {
      ratio: round(percentile(beside, 99) / percentile(alone, 99), 2),
      p99_alone_ms: round(percentile(alone, 99) / 1000, 2),
      p99_beside_ms: round(percentile(beside, 99) / 1000, 2),
      p50_alone_ms: round(percentile(alone, 50) / 1000, 2),
      p50_beside_ms: round(percentile(beside, 50) / 1000, 2),
      max_beside_ms: round(percentile(beside, 100) / 1000, 2),
      ...each,
      requests_alone: alone.length,
      requests_beside: beside.length,
      reserved_millis: RESERVED_MILLIS,
      neighbours: neighbours.size,
    };
  },
};

/** For one phase and no longer: then all of its process group is killed. */
async function misbehave(sliver: BenchSliver, script: string): Promise<void> {
  const bounded = ['timeout', '--signal=KILL', String(PHASE_SECONDS + 2), 'sh', '-c', `{ ${script}; } >/dev/null 2>&1`];
  await sliver.exec(bounded).catch(() => {}); // it ends by being killed
}

interface Client extends AsyncDisposable {
  /** Asks for that long; microseconds of each answer. */
  measure(seconds: number): Promise<readonly number[]>;
}

/**
 * The client in the world and the service, connected. The service ends when the client does. The client stands for another
 * machine: it has a real-time priority, or what slivers do would keep it from its own processor.
 */
async function startClient(world: string, service: BenchSliver): Promise<Client> {
  const argv = ['--fifo', '20', ...inNamespace(world), 'perl', '-e', CLIENT, WORLD_IPV4, String(PORT)];
  const client: ChildProcess = spawn('chrt', argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  if (client.stdout === null) throw new Error('no pipe'); // it was asked for
  const ended = once(client, 'exit');
  const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the client has ended');
    return value;
  };
  await next(); // listening
  service.exec(['perl', '-e', SERVICE, WORLD_IPV4, String(PORT)]).catch(() => {}); // the client notices
  await next(); // connected
  return {
    async measure(seconds) {
      client.stdin?.write(`${seconds}\n`);
      return (await next()).split(',').map(Number);
    },
    async [Symbol.asyncDispose]() {
      client.kill('SIGKILL');
      await ended;
    },
  };
}
