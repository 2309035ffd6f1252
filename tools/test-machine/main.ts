/**
 * `npm run test:vm -- [--only NAME...] [--machines N] [--minutes N] [--resume] [--keep] [--json]`: boots a Debian 13 with systemd and
 * cgroup v2 in QEMU, tries the packages of node and PLC in it, and runs the host tests in it, each file by itself.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { baseDisk } from './base-disk.ts';
import { kvmWorks } from './kvm.ts';
import { type Machine, type MachineOptions, startMachine } from './machine.ts';
import { sourcesKey } from './part-sources.ts';
import { allParts, type Part } from './parts.ts';
import { debianRecipe } from './recipe.ts';
import { choose, openResults, outcomeOf, type Stamp, table } from './results.ts';
import { runParts, untilAborted } from './run-parts.ts';
import { makeScratch, removeScratchLeftovers } from './scratch.ts';
import { commitNow, projectNow, sourceDisk } from './source-disk.ts';

const HELP = `Boots a Debian 13 with systemd and cgroup v2 in QEMU (hours for everything where it is emulated), and tests a node in it.

  --only NAME...   only these: boot, package, plc, or files such as tests/host/linux.test.ts
  --resume         leave out what has passed before with the same sources of what it tests
  --machines N     share the parts among so many machines at the same time, each of 4 GiB and one processor of ours (default 1)
  --minutes N      end after that time (default 180)
  --keep           leave the machine running at the end, until Ctrl-C
  --json           one line of JSON at the end

Example: npm run test:vm -- --only boot package --json
`;
const ROOT = resolve(import.meta.dirname, '../..');
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'planetlab/test-machine');
const DEFAULT_MINUTES = 180;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'boolean' },
    resume: { type: 'boolean' },
    machines: { type: 'string', default: '1' },
    minutes: { type: 'string', default: String(DEFAULT_MINUTES) },
    keep: { type: 'boolean' },
    json: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});
const say = (line: string): void => void process.stderr.write(`test machine: ${line}\n`);

async function main(): Promise<number> {
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const whyNot = whyNotHere();
  if (whyNot !== undefined) throw new Error(whyNot);
  const parts = choose(allParts(ROOT), values.only === true ? positionals : []);
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => stop.abort(new Error('interrupted')));
  const limit = setTimeout(
    () => stop.abort(new Error(`over ${values.minutes} minutes`)),
    Number(values.minutes) * 60_000,
  );
  removeScratchLeftovers(CACHE);
  using scratch = makeScratch(CACHE);
  try {
    return await test(parts, scratch.path, stop.signal);
  } finally {
    clearTimeout(limit);
  }
}

function whyNotHere(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'the test machine runs on Linux on x86-64 only';
  if (process.getuid?.() !== 0) return 'making its disks needs root; run it as root or through sudo';
  if (!(Number(values.minutes) > 0)) return '--minutes is a number of minutes';
  return /^[1-9]$/.test(values.machines) ? undefined : '--machines is a number from 1 to 9';
}

function stampNow(): Stamp {
  const project = projectNow(ROOT);
  const programs = new Map(allParts(ROOT).map(({ name, program }) => [name, program]));
  return {
    sourcesOf: (name) => (programs.has(name) ? sourcesKey(programs.get(name), project) : ''),
    commit: commitNow(ROOT),
    nowMs: Date.now,
  };
}

async function startMachines(
  stack: AsyncDisposableStack,
  { scratch, logs, ...options }: Omit<MachineOptions, 'consoleLog'> & { readonly logs: string },
): Promise<readonly Machine[]> {
  const machines: Machine[] = [];
  for (let number = 1; number <= Number(values.machines); number++) {
    const own = join(scratch, String(number));
    mkdirSync(own);
    const consoleLog = join(logs, number === 1 ? 'console.log' : `console-${number}.log`);
    machines.push(stack.use(await startMachine({ ...options, scratch: own, consoleLog })));
  }
  return machines;
}

async function test(parts: readonly Part[], scratch: string, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const list = readFileSync(join(ROOT, 'tools/setup/packages.txt'), 'utf8');
  const making = { cache: CACHE, say, signal };
  const base = await baseDisk(debianRecipe(list), making);
  const results = openResults(join(CACHE, 'parts.json'), stampNow(), values.resume === true);
  const logs = join(CACHE, 'logs');
  mkdirSync(logs, { recursive: true });
  const packages = new Set(parts.flatMap((part) => (results.has(part.name) ? [] : (part.packages ?? []))));
  const sources = await sourceDisk({ root: ROOT, scratch, packages: [...packages] }, making);
  const kvm = await kvmWorks(base.kernel, signal);
  say(`booting ${kvm ? 'under KVM' : '(emulated: no guest starts under KVM here)'}; what it says goes to ${logs}`);
  await using stack = new AsyncDisposableStack();
  const machines = await startMachines(stack, { base, sources, scratch, kvm, logs });
  const interruption = await runParts(machines, { parts, results, logs, say, signal });
  const all = results.all();
  process.stdout.write(table(all));
  const outcome = outcomeOf(all, parts, Math.round((performance.now() - startedAt) / 1000), interruption);
  if (values.json === true) process.stdout.write(`${JSON.stringify(outcome)}\n`);
  if (values.keep === true && interruption === undefined) {
    for (const { console } of machines)
      say(`it goes on until Ctrl-C; its console: socat -,raw,echo=0,escape=0x1d UNIX:${console} (Ctrl-] leaves it)`);
    await untilAborted(signal);
  }
  return outcome.ok ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`test machine: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
