import type { Readable } from 'node:stream';
import type { TerminalSize } from '../exec.ts';
import { parseShellLine } from './shell.ts';

/** What a simulated program sees of its machine and of the world. */
export interface ProgramContext {
  readonly hostname: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: Readable;
  /** The text of a file; undefined for one that is not there. */
  readonly readFile: (path: string) => string | undefined;
  /** Resolve when there is room for more. */
  readonly out: (data: string | Buffer) => Promise<void>;
  readonly err: (data: string | Buffer) => Promise<void>;
  /** Waits on the driver's clock; rejects when the program is killed. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Undefined without a terminal. */
  readonly terminalSize: () => TerminalSize | undefined;
  /** Round-trip time to an address in milliseconds, or undefined when it does not answer. */
  readonly rttMs: (address: string) => number | undefined;
}

/** Resolves to the exit code. */
type Program = (args: readonly string[], context: ProgramContext) => Promise<number>;

const NOT_FOUND = 127;
const USAGE = 2;
const SECOND_MS = 1000;

/** Runs a program by name; one that is not simulated is not found. */
export async function runProgram(argv: readonly string[], context: ProgramContext): Promise<number> {
  const [name = '', ...args] = argv;
  const program = PROGRAMS.get(name.replace(/^\/(usr\/)?s?bin\//, ''));
  if (program !== undefined) return program(args, context);
  await context.err(`${name}: not found (this machine is simulated and knows only a few programs)\n`);
  return NOT_FOUND;
}

const prints = (text: (context: ProgramContext) => string): Program => {
  return async (_, context) => {
    await context.out(`${text(context)}\n`);
    return 0;
  };
};

async function echo(args: readonly string[], { out }: ProgramContext): Promise<number> {
  const newline = args[0] !== '-n';
  await out((newline ? args : args.slice(1)).join(' ') + (newline ? '\n' : ''));
  return 0;
}

async function cat(args: readonly string[], { stdin, readFile, out, err }: ProgramContext): Promise<number> {
  for (const arg of args.length === 0 ? ['-'] : args) {
    if (arg === '-') {
      for await (const chunk of stdin) await out(chunk);
      continue;
    }
    const text = readFile(arg);
    if (text === undefined) {
      await err(`cat: ${arg}: a simulated machine has only the files that it is shown\n`);
      return 1;
    }
    await out(text);
  }
  return 0;
}

async function sleep(args: readonly string[], context: ProgramContext): Promise<number> {
  const seconds = Number(args[0]);
  if (!(seconds >= 0)) {
    await context.err('sleep: give a number of seconds\n');
    return USAGE;
  }
  await context.sleep(seconds * SECOND_MS);
  return 0;
}

async function stty(args: readonly string[], { terminalSize, out, err }: ProgramContext): Promise<number> {
  const size = terminalSize();
  if (args[0] === 'size' && size !== undefined) {
    await out(`${size.rows} ${size.columns}\n`);
    return 0;
  }
  await err('stty: not a terminal, or not simulated\n');
  return 1;
}

/** The format of iputils, so that whoever reads the times from a real ping reads these as well. */
async function ping(args: readonly string[], context: ProgramContext): Promise<number> {
  const countIndex = args.indexOf('-c');
  const count = countIndex < 0 ? 1 : Math.min(100, Number(args[countIndex + 1]) || 1);
  const address = args.at(-1) ?? '';
  const rtt = context.rttMs(address);
  await context.out(`PING ${address} (${address}) 56(84) bytes of data.\n`);
  const times: number[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    await context.sleep(rtt ?? SECOND_MS);
    if (rtt === undefined) continue;
    times.push(rtt);
    await context.out(`64 bytes from ${address}: icmp_seq=${sequence} ttl=64 time=${rtt.toFixed(1)} ms\n`);
  }
  await context.out(pingSummary(address, count, times));
  return times.length > 0 ? 0 : 1;
}

function pingSummary(address: string, sent: number, times: readonly number[]): string {
  const loss = Math.round((100 * (sent - times.length)) / sent);
  const head = `\n--- ${address} ping statistics ---\n${sent} packets transmitted, ${times.length} received, ${loss}% packet loss\n`;
  if (times.length === 0) return head;
  const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
  const figures = [Math.min(...times), mean, Math.max(...times), 0].map((value) => value.toFixed(3)).join('/');
  return `${head}rtt min/avg/max/mdev = ${figures} ms\n`;
}

async function shell(args: readonly string[], context: ProgramContext): Promise<number> {
  const [option, line] = args;
  const commands = option === '-c' && line !== undefined ? parseShellLine(line) : undefined;
  if (commands === undefined) {
    await context.err('sh: this script is beyond what a simulated machine understands\n');
    return USAGE;
  }
  let code = 0;
  for (const { argv, toStderr } of commands) {
    if (argv[0] === 'exit') return argv[1] === undefined ? code : Number(argv[1]) & 255;
    code = await runProgram(argv, toStderr ? { ...context, out: context.err } : context);
  }
  return code;
}

const PROGRAMS: ReadonlyMap<string, Program> = new Map<string, Program>([
  ['true', async () => 0],
  ['false', async () => 1],
  ['echo', echo],
  ['cat', cat],
  ['sleep', sleep],
  ['stty', stty],
  ['ping', ping],
  ['sh', shell],
  ['hostname', prints((context) => context.hostname)],
  ['uname', prints((context) => `Linux ${context.hostname} simulated`)],
  ['id', prints(() => 'uid=0(root) gid=0(root) groups=0(root)')],
]);
