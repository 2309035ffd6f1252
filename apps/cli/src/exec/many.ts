import type { Readable } from 'node:stream';
import { type ExecStart, type Problem, problemOf } from '@planetlab/contract';
import { isPlanetLabError } from '@planetlab/model';
import { inParallel } from '../in-parallel.ts';
import type { Io } from '../io.ts';
import type { Plc } from '../session/client.ts';
import { type ExitStatus, execute } from './execute.ts';
import { notStarted } from './not-started.ts';

/** What a program did in one sliver: it ended, or `problem` says why it did not get that far. */
export interface ExecResult {
  readonly slice: string;
  readonly node: string;
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** More was written than is kept here. */
  readonly truncated: boolean;
  readonly durationMs: number;
  readonly problem: Problem | null;
}

export interface ExecInMany {
  readonly slice: string;
  readonly nodes: readonly string[];
  readonly start: ExecStart;
  readonly timeoutMs: number | undefined;
  readonly parallel: number;
  /** Takes what a sliver writes, as it comes. Standard input of each is empty. */
  readonly onOutput: (node: string, stream: 'stdout' | 'stderr', chunk: Uint8Array) => void;
  /** How much of each stream of each sliver goes into its result, in bytes. */
  readonly keepBytes: number;
}

/** Runs a program in many slivers; each has its own result, and one that fails or is slow does not stop the others. */
export const execInMany = (plc: Plc, io: Io, request: ExecInMany): Promise<ExecResult[]> =>
  inParallel(request.nodes, request.parallel, (node) => execInEach(plc, io, request, node));

async function execInEach(plc: Plc, io: Io, request: ExecInMany, node: string): Promise<ExecResult> {
  const { slice, start, timeoutMs, keepBytes } = request;
  const startMs = io.now();
  const stdout = createKeeper(keepBytes);
  const stderr = createKeeper(keepBytes);
  const outcome = await execute(plc, io, { slice, node, start, timeoutMs }, async (session) => {
    session.stdin.end();
    const take = async (name: 'stdout' | 'stderr', stream: Readable, keeper: Keeper) => {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        keeper.add(chunk); // a byte stream gives bytes
        request.onOutput(node, name, chunk);
      }
    };
    await Promise.all([take('stdout', session.stdout, stdout), take('stderr', session.stderr, stderr)]);
  }).catch((error: unknown) => {
    if (!isPlanetLabError(error) || io.interrupted.aborted) throw error;
    return problemOf(error);
  });
  const status: ExitStatus | undefined = isProblem(outcome) ? undefined : outcome;
  return {
    slice,
    node,
    code: status?.code ?? null,
    signal: status?.signal ?? null,
    stdout: stdout.text(),
    stderr: stderr.text(),
    truncated: stdout.full() || stderr.full(),
    durationMs: Math.round(io.now() - startMs),
    problem: isProblem(outcome) ? outcome : null,
  };
}

const isProblem = (outcome: ExitStatus | Problem): outcome is Problem => 'detail' in outcome;

interface Keeper {
  add(chunk: Uint8Array): void;
  text(): string;
  full(): boolean;
}

/** Keeps the beginning of a stream. */
function createKeeper(limitBytes: number): Keeper {
  const chunks: Uint8Array[] = [];
  let seen = 0;
  return {
    add(chunk) {
      if (seen < limitBytes) chunks.push(chunk.slice(0, limitBytes - seen));
      seen += chunk.length;
    },
    text: () => Buffer.concat(chunks).toString('utf8'),
    full: () => limitBytes > 0 && seen > limitBytes,
  };
}

/** Why a sliver's result is not a success, in words; undefined when it is one. */
export function failureOf(result: ExecResult): string | undefined {
  if (result.problem !== null) return `${result.problem.detail} [${result.problem.code}]`;
  if (result.signal !== null) return `ended by ${result.signal}`;
  if (result.code === 0) return undefined;
  const meaning = result.code === null ? undefined : notStarted(result.code);
  return `exited with ${result.code}${meaning === undefined ? '' : ` (${meaning})`}`;
}
