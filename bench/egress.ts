import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { inNamespace, systemRunner } from '@planetlab/linux';
import { ip, WORLD_IPV4 } from './bench-network.ts';
import { type BenchNode, type BenchSliver, startBenchNode } from './bench-node.ts';
import { type Benchmark, round } from './benchmark.ts';
import { startOnHost, startSender } from './egress-sender.ts';

const LINK_KBPS = 10_000;
const COMPETITORS = 20;
const GUARANTEED_KBPS = 2000;
const CAPS_KBPS = [1000, 4000];
/** Until every sender has found its rate: with queues of half a second, TCP takes a while. */
const WARM_UP_MS = 5000;
const MEASURED_MS = 10_000;
const FIRST_PORT = 7000;
const NODE_ITSELF = -1;

/** A link of 10 Mbit/s with real slivers in which a program sends all it can over TCP, counted where it arrives. */
export const benchmark: Benchmark = {
  question: `egress: do highest rates, guarantees and shares hold on a link of ${LINK_KBPS / 1000} Mbit/s?`,
  async run({ note }) {
    await using node = await startBenchNode('egress', { egressKbps: LINK_KBPS });
    const small = { memoryMiB: 32, diskMiB: 32, processes: 16 };
    const plain: BenchSliver[] = [];
    for (let n = 0; n < COMPETITORS; n += 1) plain.push(await node.startSliver(`test_plain${n}`, small));
    const guaranteed = await node.startSliver('test_guaranteed', { ...small, egress: { minKbps: GUARANTEED_KBPS } });
    await using sink = await openSink(node, COMPETITORS + 2);
    const measure = async (what: string, senders: readonly (BenchSliver | typeof NODE_ITSELF)[]) => {
      const rates = await measureRates(node, sink, senders);
      note(`  ${what}: ${rates.map((kbps) => Math.round(kbps)).join(' ')} kbit/s`);
      return rates;
    };
    const capErrors: number[] = [];
    for (const maxKbps of CAPS_KBPS) {
      const capped = await node.startSliver(`test_cap${maxKbps}`, { ...small, egress: { maxKbps } });
      capErrors.push(worstError(await measure(`highest rate ${maxKbps}`, [capped]), [maxKbps]));
    }
    const share = (LINK_KBPS - GUARANTEED_KBPS) / (COMPETITORS + 1);
    const [kept = 0] = await measure(`guarantee beside ${COMPETITORS} others`, [guaranteed, ...plain]);
    const five = plain.slice(0, 5);
    const cases = [
      worstError(await measure('the node and 5 slivers', [NODE_ITSELF, ...five]), [5000, ...Array(5).fill(1000)]),
      worstError(await measure('5 slivers', five), Array(5).fill(2000)),
      worstError(await measure('a guarantee beside a plain sliver', [guaranteed, ...plain.slice(0, 1)]), [6000, 4000]),
    ];
    return {
      cap_error_pct: round(Math.max(...capErrors), 2),
      min_guarantee_error_pct: round(worstError([kept], [GUARANTEED_KBPS + share]), 2),
      min_guarantee_kbps: round(kept, 0),
      min_guarantee_ideal_kbps: round(GUARANTEED_KBPS + share, 0),
      worked_cases_max_error_pct: round(Math.max(...cases), 2),
      competitors: COMPETITORS,
      link_kbps: LINK_KBPS,
    };
  },
};

const worstError = (rates: readonly number[], ideal: readonly number[]): number =>
  Math.max(...ideal.map((kbps, at) => (Math.abs((rates[at] ?? 0) - kbps) / kbps) * 100));

/** Rates on the wire in kbit/s, one for each sender, while all of them send. */
async function measureRates(
  { network }: BenchNode,
  sink: Sink,
  senders: readonly (BenchSliver | typeof NODE_ITSELF)[],
): Promise<readonly number[]> {
  const onNode = (argv: readonly string[]) => startOnHost(inNamespace(network.namespace), argv);
  const started = await Promise.all(
    senders.map((sender, at) =>
      startSender(sender === NODE_ITSELF ? onNode : sender.start, WORLD_IPV4, FIRST_PORT + at),
    ),
  );
  await sleep(WARM_UP_MS);
  const before = await sink.bytes();
  const startMs = performance.now();
  await sleep(MEASURED_MS);
  const after = await sink.bytes();
  const elapsedMs = performance.now() - startMs;
  await Promise.all(started.map((sender) => sender.end()));
  await sleep(1500); // what waits in the classes is gone, and what they may send at once has come back
  return senders.map((_, at) => (((after[at] ?? 0) - (before[at] ?? 0)) * 8) / elapsedMs);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

interface Sink extends AsyncDisposable {
  /** What has arrived at each port by now, as frames on the wire. */
  bytes(): Promise<readonly number[]>;
}

const TABLE = 'planetlab_bench';
const HEADER_BYTES = 14;

/** Listens in the world beyond the node and takes everything; the kernel counts what arrives, frame by frame. */
async function openSink({ network }: BenchNode, ports: number): Promise<Sink> {
  const program = `
    for (let at = 0; at < ${ports}; at += 1) require('node:net').createServer((socket) => {
      socket.on('error', () => {}).resume();
    }).listen(${FIRST_PORT} + at, '${WORLD_IPV4}', () => process.stdout.write('.'));`;
  const world = inNamespace(network.world);
  const [enter, ...args] = world;
  const elements = Array.from({ length: ports }, (_, at) => FIRST_PORT + at).join(', ');
  const input = `table inet ${TABLE} {
  set arrived { type inet_service; counter; elements = { ${elements} }; }
  chain input { type filter hook input priority filter; tcp dport @arrived; }
}
`;
  await systemRunner.run({ argv: [...world, 'nft', '-f', '-'], input });
  await ip(network.namespace, `link set dev eth-world gso_max_segs 1\n`); // or many frames would be counted as one
  // a reader that has to wait for its turn on a busy machine must not slow its sender
  const roomy = 'echo 4096 4194304 16777216 > /proc/sys/net/ipv4/tcp_rmem';
  await systemRunner.run({ argv: [...world, 'sh', '-c', roomy] });
  const child = spawn(enter, [...args, 'nice', '-n', '-10', process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for (let open = 0; open < ports; ) open += String(await once(child.stdout, 'data')).length;
  return {
    async bytes() {
      const { stdout } = await systemRunner.run({ argv: [...world, 'nft', 'list', 'set', 'inet', TABLE, 'arrived'] });
      const counters = [...stdout.matchAll(/(\d+) counter packets (\d+) bytes (\d+)/g)].map((match) =>
        match.map(Number),
      );
      const counted = new Map(
        counters.map(([, port = 0, packets = 0, bytes = 0]) => [port, bytes + HEADER_BYTES * packets]),
      );
      return Array.from({ length: ports }, (_, at) => counted.get(FIRST_PORT + at) ?? 0);
    },
    [Symbol.asyncDispose]: () => end(child),
  };
}
