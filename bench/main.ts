/**
 * `npm run bench -- NAME [--json] [--list] [--nodes N] [--slices N]`: runs one measured question and prints its figures as a table, and as one
 * JSON object on the last line. The method of each stands in docs/PERFORMANCE.md.
 */
import { cpus, loadavg, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { messageOf } from '@planetlab/model';
import type { Benchmark } from './benchmark.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<{ readonly benchmark: Benchmark }>>> = {
  'sliver-start': () => import('./sliver-start.ts'),
  'slice-deploy': () => import('./slice-deploy.ts'),
  footprint: () => import('./footprint.ts'),
  'cpu-fairness': () => import('./cpu-fairness.ts'),
  density: () => import('./density.ts'),
  egress: () => import('./egress.ts'),
  'start-vs-peers': () => import('./start-vs-peers.ts'),
  overhead: () => import('./overhead.ts'),
  select: () => import('./select.ts'),
  'control-plane': () => import('./control-plane.ts'),
  lists: () => import('./lists.ts'),
  'noisy-neighbour': () => import('./noisy-neighbour.ts'),
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    list: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    nodes: { type: 'string' },
    slices: { type: 'string' },
  },
});

async function main(): Promise<number> {
  const [name] = positionals;
  const load = name === undefined ? undefined : BENCHMARKS[name];
  const asks = values.list === true || values.help === true;
  if (asks || load === undefined) {
    if (name !== undefined && load === undefined)
      process.stderr.write(`There is no benchmark ${JSON.stringify(name)}.\n`);
    process.stdout.write(
      `Benchmarks: ${Object.keys(BENCHMARKS).join(', ')}\nExample: npm run bench -- sliver-start --json\n`,
    );
    return asks ? 0 : 2;
  }
  const { benchmark } = await load();
  const note = (line: string) => process.stderr.write(`${line}\n`);
  note(`${benchmark.question}`);
  note(
    `machine: ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, load ${loadavg()[0]?.toFixed(2)}, ${process.version}`,
  );
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const figures = await benchmark.run({ note, signal: interrupted.signal, ...size() });
  if (values.json !== true)
    for (const [key, value] of Object.entries(figures)) process.stdout.write(`${key.padEnd(24)} ${value}\n`);
  process.stdout.write(`${JSON.stringify(figures)}\n`);
  return 0;
}

function size() {
  const number = (text: string | undefined) => (text === undefined ? undefined : Number.parseInt(text, 10));
  return { nodes: number(values.nodes), slices: number(values.slices) };
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`bench: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
