import { once } from 'node:events';
import { PassThrough, type Writable } from 'node:stream';
import { messageOf } from '@planetlab/model';
import type { ExecProcess, ExecSpec, ExitStatus } from '../exec.ts';
import { type ProgramContext, runProgram } from './programs.ts';

/** Time for simulated programs. */
export interface Clock {
  /** Milliseconds since an arbitrary point. */
  now(): number;
  /** Resolves after `ms`; rejects when `signal` is aborted. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
}

export interface SimulatedExec {
  readonly spec: ExecSpec;
  readonly hostname: string;
  readonly clock: Clock;
  readonly rttMs: (address: string) => number | undefined;
  readonly readFile: (path: string) => string | undefined;
}

const END_OF_TRANSMISSION = 4;
const KILLED: ExitStatus = { code: 137, signal: 'SIGKILL' };
const CRASHED = 70;

/** Runs a simulated program on real streams. */
export function execSimulated({ spec, hostname, clock, rttMs, readFile }: SimulatedExec): ExecProcess {
  const abort = new AbortController();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  stdin.on('error', () => {}); // written to after the program's end
  let size = spec.terminal;
  const terminal = size !== undefined;
  const context: ProgramContext = {
    hostname,
    env: spec.env ?? {},
    stdin: terminal ? stdin.pipe(untilEndOfTransmission()) : stdin,
    out: (data) => write(stdout, data, terminal, abort.signal),
    err: (data) => write(terminal ? stdout : stderr, data, terminal, abort.signal),
    sleep: (ms) => clock.delay(ms, abort.signal),
    terminalSize: () => size,
    rttMs,
    readFile,
  };
  const killed = new Promise<ExitStatus>((resolve) => {
    abort.signal.addEventListener('abort', () => resolve(KILLED), { once: true });
  });
  const exit = Promise.race([killed, runToEnd(spec.argv, context)]).then((status) => {
    stdin.destroy();
    stdout.end();
    stderr.end();
    return status;
  });
  return {
    ...{ stdin, stdout, stderr, exit },
    resize: (newSize) => {
      if (terminal) size = newSize;
    },
    kill: () => abort.abort(),
  };
}

async function runToEnd(argv: readonly string[], context: ProgramContext): Promise<ExitStatus> {
  try {
    return { code: await runProgram(argv, context) };
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return KILLED;
    await context.err(`${messageOf(error)}\n`);
    return { code: CRASHED };
  }
}

/** Writes with back-pressure; a terminal turns line feeds into carriage return and line feed. */
async function write(stream: Writable, data: string | Buffer, terminal: boolean, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const bytes = terminal ? data.toString().replaceAll('\n', '\r\n') : data;
  if (!stream.write(bytes)) await once(stream, 'drain', { signal });
}

/** A terminal's input ends with a character, not by being closed. */
function untilEndOfTransmission(): PassThrough {
  return new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      const end = chunk.indexOf(END_OF_TRANSMISSION);
      this.push(end < 0 ? chunk : chunk.subarray(0, end));
      if (end >= 0) this.push(null);
      done();
    },
  });
}
