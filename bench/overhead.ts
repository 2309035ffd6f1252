import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createNetworkNamespace, deleteNetworkNamespace, inNamespace, systemRunner } from '@planetlab/linux';
import { ip, WORLD_IPV4 } from './bench-network.ts';
import { type BenchNode, type BenchSliver, startBenchNode } from './bench-node.ts';
import { type Benchmark, median, round } from './benchmark.ts';
import { COMPUTATION, DISK_WORK } from './overhead-programs.ts';
import { CLIENT, SERVER } from './overhead-traffic.ts';
import { imageRoot } from './peer-place.ts';

const CPU_ROUNDS = 15;
const DISK_ROUNDS = 9;
const NET_ROUNDS = 7;
const NET_SECONDS = 1.5;
const PORT = 7000;
const PLAIN = 'planetlab-bench-plain';
const PLAIN_FAR = `${PLAIN}-far`;
const PLAIN_FAR_IPV4 = '192.0.2.5';

/** What being a sliver costs a program: speed inside ÷ speed on the host, alternating, so that noise meets both. */
export const benchmark: Benchmark = {
  question: 'overhead: how fast are computing, network and disk in a sliver, as a part of what the host has?',
  async run({ note }) {
    await using node = await startBenchNode('overhead');
    const sliver = await node.startSliver('test_overhead', {
      ...{ memoryMiB: 512, diskMiB: 1000, processes: 64 },
      egress: { minKbps: 8, maxKbps: 1_000_000, dailyMiB: 100_000_000 },
    });
    const cpu = await cpuFigures(sliver);
    note(`  computing: ${JSON.stringify(cpu)}`);
    const disk = await diskFigures(sliver, node.stateDir);
    note(`  disk: ${JSON.stringify(disk)}`);
    return { ...cpu, ...disk, ...(await netFigures(node, sliver)) };
  },
};

async function cpuFigures(sliver: BenchSliver) {
  const pairs = await alternate(
    CPU_ROUNDS,
    async () => twoNumbers(await onHost(['chroot', imageRoot(), 'perl', '-e', COMPUTATION])),
    async () => twoNumbers(await sliver.exec(['perl', '-e', COMPUTATION])),
  );
  return {
    cpu_ratio: round(median(pairs.map(([host, inside]) => host[0] / inside[0])), 3),
    cpu_wall_ratio: round(median(pairs.map(([host, inside]) => host[1] / inside[1])), 3),
  };
}

async function diskFigures(sliver: BenchSliver, stateDir: string) {
  let folders = 0;
  const pairs = await alternate(
    DISK_ROUNDS,
    async () => twoNumbers(await onHost(['perl', '-e', DISK_WORK, join(stateDir, `bench-${folders++}`)])),
    async () => twoNumbers(await sliver.exec(['perl', '-e', DISK_WORK, `/root/bench-${folders++}`])),
  );
  // The best of all rounds, on both sides: others who write only make it slower.
  const best = (side: 0 | 1, part: 0 | 1) => Math.min(...pairs.map((pair) => pair[side][part]));
  const medianRatio = (part: 0 | 1) => median(pairs.map(([host, inside]) => host[part] / inside[part]));
  const write = best(0, 0) / best(1, 0);
  const files = best(0, 1) / best(1, 1);
  return {
    disk_ratio: round(Math.min(write, files), 3),
    disk_write_ratio: round(write, 3),
    disk_files_ratio: round(files, 3),
    disk_write_median_ratio: round(medianRatio(0), 3),
    disk_files_median_ratio: round(medianRatio(1), 3),
    disk_host_mib_s: round(128 / best(0, 0)),
    disk_sliver_mib_s: round(128 / best(1, 0)),
    disk_host_files_s: round(1000 / best(0, 1), 0),
    disk_sliver_files_s: round(1000 / best(1, 1), 0),
  };
}

/** TCP to a host beyond the node, against the same between two namespaces with one veth pair and no rules. What comes in has no limit on either side. */
async function netFigures(node: BenchNode, sliver: BenchSliver) {
  await using servers = new AsyncDisposableStack();
  const plain = servers.use(await plainNetwork());
  servers.use(await startServer(node.network.world, WORLD_IPV4));
  servers.use(await startServer(PLAIN_FAR, PLAIN_FAR_IPV4));
  const figures: Record<string, number> = {};
  for (const direction of ['up', 'down']) {
    const client = (address: string) => ['perl', '-e', CLIENT, address, String(PORT), direction, String(NET_SECONDS)];
    const pairs = await alternate(
      NET_ROUNDS,
      async () => gbps(await onHost([...plain.enter, 'chroot', imageRoot(), ...client(PLAIN_FAR_IPV4)])),
      async () => gbps(await sliver.exec(client(WORLD_IPV4))),
    );
    figures[`net_${direction}_ratio`] = round(median(pairs.map(([host, inside]) => inside / host)), 3);
    figures[`net_${direction}_plain_gbps`] = round(median(pairs.map(([host]) => host)), 2);
    figures[`net_${direction}_sliver_gbps`] = round(median(pairs.map(([, inside]) => inside)), 2);
  }
  return { net_ratio: Math.min(figures['net_up_ratio'] ?? 0, figures['net_down_ratio'] ?? 0), ...figures };
}

/** Both turns of each round; the first round is not counted. */
async function alternate<T>(rounds: number, host: () => Promise<T>, inside: () => Promise<T>): Promise<[T, T][]> {
  const pairs: [T, T][] = [];
  for (let index = 0; index <= rounds; index += 1) {
    // who is first changes, so that what one leaves behind is not always the other's
    const first = index % 2 === 0 ? await host() : undefined;
    const second = await inside();
    pairs.push([first ?? (await host()), second]);
  }
  return pairs.slice(1);
}

async function onHost(argv: readonly [string, ...string[]]): Promise<string> {
  return (await systemRunner.run({ argv })).stdout;
}

function twoNumbers(text: string): [number, number] {
  const [first, second] = text.trim().split(' ').map(Number);
  if (first === undefined || second === undefined) throw new Error(`not two numbers: ${text}`);
  return [first, second];
}

/** Rate of both links to the far host; no sliver may send more (RSpec). */
const LINK_RATE = '1gbit';

/** Two namespaces and one veth pair, sending at the rate of the node's link: nothing of ours in the way. */
async function plainNetwork() {
  const remove = async () => {
    for (const name of [PLAIN, PLAIN_FAR]) await deleteNetworkNamespace(name, systemRunner);
  };
  await remove();
  for (const name of [PLAIN, PLAIN_FAR]) await createNetworkNamespace(name, systemRunner);
  const common = 'link set dev lo up\nlink set dev eth0 up\n';
  await ip(
    PLAIN,
    `link add name eth0 type veth peer name eth0 netns ${PLAIN_FAR}\n${common}address add 192.0.2.6/30 dev eth0\n`,
  );
  await ip(PLAIN_FAR, `${common}address add ${PLAIN_FAR_IPV4}/30 dev eth0\n`);
  const shaping = `qdisc replace dev eth0 root handle 1: htb default 1\nclass replace dev eth0 parent 1: classid 1:1 htb rate ${LINK_RATE}\n`;
  await systemRunner.run({ argv: [...inNamespace(PLAIN), 'tc', '-batch', '-'], input: shaping });
  return { enter: inNamespace(PLAIN), [Symbol.asyncDispose]: remove };
}

/** Listens in a namespace until the end of the scope. */
async function startServer(namespace: string, address: string): Promise<AsyncDisposable> {
  const [program, ...enter] = inNamespace(namespace);
  const argv = [...enter, 'perl', '-e', SERVER, address, String(PORT)];
  const server = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(server, 'exit');
  const failed = ended.then(([code]) => Promise.reject(new Error(`the server ended with ${code}`)));
  failed.catch(() => {}); // later it is told to
  await Promise.race([once(server.stdout, 'data'), failed]);
  return {
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await ended;
    },
  };
}

/** Goodput, as received, from bytes and seconds. */
function gbps(text: string): number {
  const [bytes, elapsed] = twoNumbers(text);
  return (bytes * 8) / elapsed / 1e9;
}
