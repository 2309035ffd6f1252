import { spawn } from 'node:child_process';
import { finished } from 'node:stream/promises';

/** One program to run to its end. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Written to its standard input. */
  readonly input?: string;
  /** Killed after this time; default 30 s, so that nothing can hang its caller for ever. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user and group; needs root. */
  readonly uid?: number;
  readonly gid?: number;
  /**
   * The command gets no input and its output goes nowhere. For commands that leave a process behind: it would inherit
   * the pipes, and waiting for their end would be waiting for that process.
   */
  readonly detachOutput?: boolean;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands. Injected everywhere, so that what would be run can be read in a test without root. */
export interface CommandRunner {
  /** Resolves when the command exited 0; else throws CommandError with its words. */
  run(command: Command): Promise<CommandResult>;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: Command;
  readonly result: CommandResult;

  constructor(command: Command, result: CommandResult) {
    const words = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-3).join(' ');
    super(`${command.argv.join(' ').slice(0, 200)} exited with ${result.code}: ${words.slice(0, 500)}`);
    this.command = command;
    this.result = result;
  }
}

const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;
const DEFAULT_TIMEOUT_MS = 30_000;
const KILLED = 137;

export const systemRunner: CommandRunner = {
  async run(command) {
    const [program, ...args] = command.argv;
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = command;
    const startedMs = performance.now();
    const child = spawn(program, args, {
      stdio: command.detachOutput === true ? 'ignore' : 'pipe',
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(command.env === undefined ? {} : { env: { ...process.env, ...command.env } }),
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
      ...(command.uid === undefined ? {} : { uid: command.uid }),
      ...(command.gid === undefined ? {} : { gid: command.gid }),
    });
    const output = collect(child.stdout);
    const errors = collect(child.stderr);
    child.stdin?.on('error', () => {}); // a program that ends before it has read everything: its exit code tells
    child.stdin?.end(command.input ?? '');
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(exitCode ?? (signal === null ? 255 : KILLED)));
    });
    const late = code === KILLED && performance.now() - startedMs >= timeoutMs;
    const why = late ? `it did not end within ${timeoutMs} ms and was killed` : '';
    const result = { code, stdout: await output, stderr: `${await errors}${why}` };
    if (code !== 0) throw new CommandError(command, result);
    return result;
  },
};

async function collect(stream: NodeJS.ReadableStream | null): Promise<string> {
  if (stream === null) return '';
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size <= OUTPUT_LIMIT_BYTES) chunks.push(chunk);
  });
  await finished(stream).catch(() => {}); // the exit code tells
  return Buffer.concat(chunks).toString('utf8');
}
