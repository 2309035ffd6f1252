import { setTimeout as sleep } from 'node:timers/promises';
import { fillPath, plcRoutes, type Sliver } from '@planetlab/contract';
import { openExec } from '@planetlab/contract/http2';
import { isPlanetLabError, messageOf, type NodeName, PlanetLabError } from '@planetlab/model';
import type { LabNode } from './layout.ts';
import { DEMO_SITE } from './nodes.ts';
import { parsePing, pingArguments } from './ping.ts';
import type { PlcAccess } from './plc.ts';
import type { LabProblem, NodeReport, ReportProgress } from './types.ts';
import { mapBounded, throwIfCanceled } from './wait.ts';

export const DEMO_SLICE = 'demo_hello';
const DEMO_PERSON = 'ada@example.org';
/** Says which machine answers and which kernel it has: in a sliver, the sliver's name and the node's kernel. */
const COMMAND = ['uname', '-nsr'];
const RUNNING_TIMEOUT_MS = 60_000;
const POLL_MS = 50;
const EXECS_AT_ONCE = 12;
const EXEC_TIMEOUT_MS = 20_000;
const OUTPUT_LIMIT_BYTES = 64 * 1024;

export interface DemoContext {
  readonly plc: PlcAccess;
  readonly nodes: readonly LabNode[];
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
}

/** Public SSH keys of the lab's people. */
export interface DemoKeys {
  readonly admin: string;
  readonly person: string;
}

/** Registers a person and a slice for her, and a key for her and for the administrator. */
export async function createDemoSlice({ plc }: DemoContext, keys: DemoKeys): Promise<void> {
  const { client } = plc;
  const roles = [{ role: 'pi', site: DEMO_SITE } as const];
  await client.createPerson({ body: { email: DEMO_PERSON, name: 'Ada', roles } });
  await client.addKey({ params: { person: DEMO_PERSON }, body: { key: keys.person } });
  const me = await client.getMe({});
  await client.addKey({ params: { person: me.email }, body: { key: keys.admin } });
  await client.createSlice({
    body: {
      name: DEMO_SLICE,
      description: 'Says hello from every node',
      url: 'https://example.org/hello',
      persons: [DEMO_PERSON],
    },
  });
}

/** Puts the slice on all nodes, runs a command in every sliver, has them ping each other. */
export async function runDemo(context: DemoContext): Promise<readonly NodeReport[]> {
  const { plc, nodes, progress } = context;
  progress({ kind: 'step', text: `putting ${DEMO_SLICE} on ${nodes.length} nodes` });
  await plc.client.addSlivers({ params: { slice: DEMO_SLICE }, body: { nodes: nodes.map((node) => node.name) } });
  const slivers = await waitForSlivers(context);
  const running = slivers.filter((sliver) => sliver.state === 'running');
  progress({ kind: 'step', text: 'running a command in every sliver' });
  const outputs = new Map(
    await mapBounded(
      running,
      EXECS_AT_ONCE,
      async (sliver) => [sliver.node, await runIn(context, sliver.node, COMMAND)] as const,
    ),
  );
  progress({ kind: 'step', text: 'slivers ping each other' });
  const pings = await pingAll(context, running);
  return nodes.map((node) => {
    const sliver = slivers.find((candidate) => candidate.node === node.name);
    return nodeReport(
      node,
      sliver,
      outputs.get(node.name),
      pings.filter((ping) => ping.from === node.name),
    );
  });
}

/** Until all run, or a minute has passed: what is slow or refused then stands in the report with its reason. */
async function waitForSlivers({ plc, nodes, progress, signal }: DemoContext): Promise<readonly Sliver[]> {
  const deadline = performance.now() + RUNNING_TIMEOUT_MS;
  let shown = '';
  for (;;) {
    throwIfCanceled(signal);
    const { items } = await plc.client.listSlivers({ query: { slice: DEMO_SLICE } });
    const slivers = items.map(({ node, state, timeToRunningMs }) => ({ node, state, timeToRunningMs }));
    const now = JSON.stringify(slivers);
    if (now !== shown) progress({ kind: 'slivers', slivers });
    shown = now;
    const settled = items.filter((sliver) => sliver.state === 'running' || sliver.state === 'refused');
    if (settled.length === nodes.length || performance.now() >= deadline) return items;
    await sleep(POLL_MS);
  }
}

type Outcome = { readonly exitCode: number; readonly stdout: string } | LabProblem;

interface Ping {
  readonly from: NodeName;
  readonly to: NodeName;
  readonly ms: number | null;
  readonly problem?: LabProblem;
}

async function pingAll(context: DemoContext, slivers: readonly Sliver[]): Promise<readonly Ping[]> {
  const pairs = slivers.flatMap((from) => slivers.filter((to) => to !== from).map((to) => [from, to] as const));
  return mapBounded(pairs, EXECS_AT_ONCE, async ([from, to]) => {
    const pair = { from: from.node, to: to.node };
    if (to.ipv6 === null) return { ...pair, ms: null };
    const outcome = await runIn(context, from.node, pingArguments(to.ipv6));
    if ('message' in outcome) return { ...pair, ms: null, problem: outcome };
    const ms = parsePing(outcome.stdout);
    if (ms !== null) return { ...pair, ms };
    return {
      ...pair,
      ms,
      problem: { code: 'timed_out', message: `No answer from ${to.node}'s sliver at ${to.ipv6}.` },
    };
  });
}

/** Pure: one line of the report. */
export function nodeReport(
  node: LabNode,
  sliver: Sliver | undefined,
  outcome: Outcome | undefined,
  pings: readonly Ping[],
): NodeReport {
  const problems: LabProblem[] = [];
  const state = sliver?.state ?? 'requested';
  if (state !== 'running') problems.push(notRunning(sliver));
  if (outcome !== undefined && 'message' in outcome) problems.push(outcome);
  const ran = outcome !== undefined && 'stdout' in outcome ? outcome : undefined;
  if (ran !== undefined && ran.exitCode !== 0) {
    problems.push({ code: 'step_failed', message: `${COMMAND.join(' ')} exited with ${ran.exitCode}.` });
  }
  for (const { problem } of pings) if (problem !== undefined) problems.push(problem);
  return {
    node: node.name,
    place: node.place,
    state,
    timeToRunningMs: sliver?.timeToRunningMs ?? null,
    output: ran?.stdout.trim() ?? null,
    roundTripsMs: Object.fromEntries(pings.map(({ to, ms }) => [to, ms])),
    problems,
  };
}

function notRunning(sliver: Sliver | undefined): LabProblem {
  const message = sliver?.reason?.message ?? `It did not run within ${RUNNING_TIMEOUT_MS / 1000} s.`;
  return { code: 'sliver_not_running', message };
}

/** Runs a program in the slice's sliver on a node, to its end. A failure is an outcome: the other nodes go on. */
async function runIn({ plc, signal }: DemoContext, node: NodeName, argv: readonly string[]): Promise<Outcome> {
  const timeout = AbortSignal.timeout(EXEC_TIMEOUT_MS);
  const stop = AbortSignal.any([signal, timeout]);
  try {
    const path = fillPath(plcRoutes.exec.path, { slice: DEMO_SLICE, node });
    const session = await openExec(plc.openDuplex, path, { argv: [...argv] });
    stop.addEventListener('abort', () => session.close(), { once: true });
    session.stdin.end();
    session.stderr.resume();
    const [stdout, exit] = await Promise.all([textOf(session.stdout), session.exit]);
    return { exitCode: exit.code, stdout };
  } catch (error) {
    throwIfCanceled(signal);
    if (timeout.aborted)
      return { code: 'timed_out', message: `${argv[0]} on ${node} took over ${EXEC_TIMEOUT_MS / 1000} s.` };
    if (isPlanetLabError(error)) return { code: error.code, message: error.message };
    throw new PlanetLabError('internal', `${argv[0]} on ${node}: ${messageOf(error)}`, { cause: error });
  }
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size <= OUTPUT_LIMIT_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
