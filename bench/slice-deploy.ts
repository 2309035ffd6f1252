import { NodeName } from '@planetlab/model';
import { type Benchmark, median, round } from './benchmark.ts';
import { type BenchLab, benchLab } from './lab.ts';

const NODES = 5;
const ROUNDS = 10;

/** A slice added to five idle nodes: from the request at the PLC until the person who asked sees all of them run. */
export const benchmark: Benchmark = {
  question: `slice-deploy: how long from adding a slice to ${NODES} idle lab nodes until all its slivers run?`,
  async run(context) {
    await using lab = await benchLab('bench', NODES, context);
    const nodes = lab.report.nodes.map(({ node }) => node);
    const seconds: number[] = [];
    for (let index = 0; index < ROUNDS; index += 1) {
      seconds.push(await deployOnce(lab, `demo_bench${index}`, nodes));
      context.note(`  round ${index + 1}: ${seconds.at(-1)?.toFixed(3)} s`);
    }
    const warm = seconds.slice(1);
    return {
      deploy_s: round(median(warm), 3),
      deploy_first_s: round(seconds[0] ?? Number.NaN, 3),
      deploy_max_s: round(Math.max(...warm), 3),
      nodes: NODES,
      rounds: ROUNDS,
    };
  },
};

async function deployOnce({ client }: BenchLab, slice: string, nodes: readonly string[]): Promise<number> {
  await client.createSlice({ body: { name: slice, description: 'benchmark' } });
  const stop = new AbortController();
  const changes = await client.watch({}, { signal: stop.signal });
  const startMs = performance.now();
  await client.addSlivers({ params: { slice }, body: { nodes: nodes.map((node) => NodeName.parse(node)) } });
  await untilAllRun(client, slice, nodes.length, changes);
  const elapsed = (performance.now() - startMs) / 1000;
  stop.abort();
  await client.deleteSlice({ params: { slice } });
  await untilIdle(client);
  return elapsed;
}

async function untilAllRun(
  client: BenchLab['client'],
  slice: string,
  count: number,
  changes: AsyncIterable<unknown>,
): Promise<void> {
  for await (const _ of changes) {
    const { items } = await client.listSlivers({ query: { slice } });
    if (items.filter(({ state }) => state === 'running').length === count) return;
  }
}

/** The next round shall find idle nodes: nothing but the demonstration of the lab on any. */
async function untilIdle(client: BenchLab['client']): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    const { items } = await client.listNodes({ query: {} });
    if (items.every(({ slivers }) => slivers <= 1)) break; // the lab's own demonstration stays
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await new Promise((resolve) => setTimeout(resolve, 500)); // the nodes remove what was the sliver's
}
