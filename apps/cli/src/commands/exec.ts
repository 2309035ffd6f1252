import type { ExecRequest } from '../exec/execute.ts';
import { execInMany, failureOf } from '../exec/many.ts';
import { notStarted } from '../exec/not-started.ts';
import { execInOne, execInTerminal } from '../exec/one.ts';
import { createPrefixer } from '../exec/prefixer.ts';
import { ExitWith } from '../exit.ts';
import type { Io } from '../io.ts';
import { type Invocation, leaf } from '../leaf.ts';
import { duration, wholeNumber } from '../options.ts';
import type { Register } from '../program.ts';
import { type Plc, withClient } from '../session/client.ts';
import { sliversOf, splitTarget } from '../slivers/target.ts';
import { usageError } from '../usage.ts';

interface Options {
  readonly all?: boolean;
  readonly node?: readonly string[];
  readonly terminal?: boolean;
  readonly timeout?: number;
  readonly parallel: number;
}

const DEFAULT_PARALLEL = 20;
const KEPT_BYTES = 1024 * 1024;
/** A login shell: bash where the image has it. */
const LOGIN_SHELL = ['/bin/sh', '-c', 'exec "$(command -v bash || echo /bin/sh)" -l'];

export const register: Register = (command, io) => {
  leaf(
    command
      .arguments('<slice[@node]> [program...]')
      .option('--all', 'in every sliver of the slice')
      .option('--node <node...>', 'in the slivers on these nodes')
      .option('-t, --terminal', 'with a terminal; without a program, a login shell')
      .option('--timeout <time>', 'end each after this time, such as 30s', duration)
      .option('--parallel <count>', 'at most so many slivers at once', wholeNumber, DEFAULT_PARALLEL),
    io,
    { example: 'pl exec princeton_codeen --all -- uptime' },
    (invocation, target: string, program: string[], options: Options) => {
      if (program.length === 0 && options.terminal !== true) {
        throw usageError('Say what to run, after two hyphens: pl exec SLICE@NODE -- uptime.');
      }
      if (options.parallel < 1) throw usageError('--parallel is at least 1.');
      return withClient(invocation, (plc) => exec(plc, invocation, target, program, options));
    },
  );
};

async function exec(
  plc: Plc,
  invocation: Invocation,
  target: string,
  program: string[],
  options: Options,
): Promise<void> {
  const { slice, nodes, one } = await choose(plc, target, options);
  const timeoutMs = options.timeout;
  const [node] = nodes;
  if (options.terminal === true) {
    if (!one || node === undefined || invocation.json) throw usageError('-t is for one sliver, and not with --json.');
    const argv = program.length === 0 ? LOGIN_SHELL : program;
    const request = { slice, node, start: { argv }, timeoutMs };
    throw new ExitWith(explained(invocation.io, request, await execInTerminal(plc, invocation.io, request)));
  }
  const start = { argv: program };
  if (one && node !== undefined && !invocation.json) {
    const request = { slice, node, start, timeoutMs };
    throw new ExitWith(explained(invocation.io, request, await execInOne(plc, invocation.io, request)));
  }
  const { parallel } = options;
  await execAndSummarize(plc, invocation, { slice, nodes, start, timeoutMs, parallel });
}

/** To a person, not to a script, whose streams are the program's alone: what 126 and 127 mean. */
function explained({ stderr }: Io, { slice, node, start }: ExecRequest, code: number): number {
  const meaning = notStarted(code);
  if (meaning === undefined || stderr.isTTY !== true) return code;
  stderr.write(`pl: exit code ${code} means "${meaning}": is ${start.argv[0]} installed in ${slice}@${node}?\n`);
  return code;
}

/** Which slivers are meant. `one`: exactly one was named, so its streams are ours. */
async function choose(
  plc: Plc,
  target: string,
  options: Options,
): Promise<{ slice: string; nodes: readonly string[]; one: boolean }> {
  const { slice, node } = splitTarget(target);
  const ways = [node !== undefined, options.all === true, options.node !== undefined].filter(Boolean).length;
  if (ways > 1) throw usageError('Say where in one way: SLICE@NODE, --all or --node.');
  if (node !== undefined) return { slice, nodes: [node], one: true };
  if (options.node !== undefined) return { slice, nodes: [...new Set(options.node)], one: false };
  const nodes = (await sliversOf(plc, slice)).map((sliver) => sliver.node);
  if (nodes.length === 0) await plc.client.getSlice({ params: { slice } }); // says so when there is no such slice
  if (options.all === true || nodes.length === 1) return { slice, nodes, one: options.all !== true };
  throw usageError(`${slice} is on ${nodes.length} nodes; say where: ${slice}@NODE, --node NODE or --all.`);
}

async function execAndSummarize(
  plc: Plc,
  { io, json, print }: Invocation,
  request: Omit<Parameters<typeof execInMany>[2], 'onOutput' | 'keepBytes'>,
): Promise<void> {
  const prefixer = createPrefixer(io, request.nodes);
  const results = await execInMany(plc, io, {
    ...request,
    keepBytes: json ? KEPT_BYTES : 0,
    onOutput: json ? () => {} : prefixer.write,
  });
  prefixer.end();
  const failed = results.filter((result) => failureOf(result) !== undefined);
  if (json) print.list(results, [], '');
  else if (results.length === 0) print.note(`${request.slice} is on no node.`);
  else if (failed.length > 0) {
    print.note(`${results.length - failed.length} of ${results.length} succeeded.`);
    for (const result of failed) print.note(`${result.node}: ${failureOf(result)}`);
  }
  throw new ExitWith(failed.length === 0 ? 0 : 1);
}
