import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { getCompileCacheDir } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  type Command,
  CommandError,
  findProcessesByEnvironment,
  isErrno,
  listPids,
  signalAndWait,
} from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import type { LabEnvironment, LabPaths, LabPrograms } from './environment.ts';
import type { LabPart, LabProcess } from './types.ts';

/** Marks every process that the lab starts, and what those start, with the lab's folder. */
const MARK = 'PLANETLAB_LAB';

/** Only these come in from outside: a DATABASE_URL of the caller's, for one, must not become the lab's database. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'XDG_CACHE_HOME', 'XDG_RUNTIME_DIR'];

export interface StartedProcess {
  /** For a sentence: "the PLC", "the node manager of tokyo". */
  readonly what: string;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when it has ended, with a sentence. */
  readonly ended: Promise<string>;
}

function markedEnvironment(paths: LabPaths): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const cache = compileCache();
  return {
    ...Object.fromEntries(inherited),
    ...(cache === undefined ? {} : { NODE_COMPILE_CACHE: cache }),
    [MARK]: paths.root,
  };
}

/** Where this process keeps compiled code: many processes of two programs start in half the time with it. */
function compileCache(): string | undefined {
  const own = getCompileCacheDir();
  return process.env['NODE_COMPILE_CACHE'] ?? (own === undefined ? undefined : dirname(own));
}

/** Starts a process that outlives this one. What it writes goes to a file of its name among the lab's logs. */
export async function startDetached(
  paths: LabPaths,
  { name, what }: { readonly name: string; readonly what: string },
  [program, ...args]: Command['argv'],
): Promise<StartedProcess> {
  const logFile = join(paths.logs, `${name}.log`);
  await mkdir(dirname(logFile), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a', 0o600);
  try {
    const env = markedEnvironment(paths);
    const child = spawn(program, args, { detached: true, stdio: ['ignore', log, log], env, cwd: '/' });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(`it could not be started: ${error.message}`));
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    child.unref();
    return { what, pid: child.pid ?? -1, logFile, ended };
  } finally {
    closeSync(log);
  }
}

/** Runs a program to its end with the lab's mark. Fails with its own last words. */
export async function runMarked(environment: LabEnvironment, paths: LabPaths, command: Command): Promise<string> {
  try {
    const { stdout } = await environment.runner.run({
      ...command,
      env: { ...command.env, ...markedEnvironment(paths) },
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const { code, stderr } = error.result;
    const words = stderr.trim().split('\n').slice(-3).join(' ');
    const what = command.argv.map((word) => basename(word)).join(' ');
    throw new PlanetLabError('step_failed', `"${what}" failed (${code}): ${words}`, { cause: error });
  }
}

/** Runs a program that takes its time to its end, and passes on what it says, line by line. */
export async function runTelling(
  paths: LabPaths,
  [program, ...args]: Command['argv'],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly tell: (line: string) => void },
): Promise<void> {
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: markedEnvironment(paths),
    cwd: '/',
    signal,
  });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    options.tell(line);
    last.push(line);
    if (last.length > 5) last.shift();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) throw new PlanetLabError('step_failed', `${args[1] ?? program} failed: ${last.join(' ')}`);
}

/** Does work that needs these processes; fails as soon as one of them ends, with the end of its log. `signal` tells the work. */
export async function whileRunning<T>(
  processes: readonly StartedProcess[],
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController(); // work that is not waited for any more must not go on
  const ends = processes.map(async (process): Promise<never> => {
    const how = await process.ended;
    const words = await lastWords(process);
    const quoted = words === '' ? '' : ` Its last words:\n${words}`;
    throw new PlanetLabError('step_failed', `${capitalized(process.what)} ended too early (${how}).${quoted}`);
  });
  for (const end of ends) end.catch(() => {}); // heard through the race, or too late to matter
  try {
    return await Promise.race([work(AbortSignal.any([signal, over.signal])), ...ends]);
  } finally {
    over.abort();
  }
}

const LAST_LINES = 5;

/** The last lines of a process's log; empty when it said nothing. */
export async function lastWords({ logFile }: StartedProcess): Promise<string> {
  const log = await readFile(logFile, 'utf8').catch(() => ''); // no log: then there is nothing to quote
  return log.trim().split('\n').slice(-LAST_LINES).join('\n');
}

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** All processes with the lab's mark, but not this one. */
export function labProcesses(paths: LabPaths, programs: LabPrograms): readonly LabProcess[] {
  return findProcessesByEnvironment(MARK, paths.root)
    .filter((pid) => pid !== process.pid)
    .flatMap((pid) => {
      const argv = commandLine(pid);
      return argv.length === 0 ? [] : [{ pid, part: partOf(argv, programs), command: shortened(argv) }];
    });
}

/** The lab's programs, told by their arguments: all that a person sees of a lab that runs as root. */
export function visiblePrograms(paths: LabPaths, programs: LabPrograms): readonly LabProcess[] {
  return listPids().flatMap((pid) => {
    const argv = commandLine(pid);
    const part = partOf(argv, programs);
    if (part === 'other' || !argv.some((word) => word.startsWith(`${paths.root}/`))) return [];
    return [{ pid, part, command: shortened(argv) }];
  });
}

const shortened = (argv: readonly string[]): string => argv.join(' ').slice(0, 200);

function partOf(argv: readonly string[], programs: LabPrograms): LabPart {
  if (argv.includes(programs.plc)) return 'plc';
  if (argv.includes(programs.nodeManager)) return 'node';
  return argv.includes(programs.cli) && argv.includes('wan') ? 'wan' : 'other';
}

/** Empty for a process that has ended in the meantime. */
function commandLine(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}

/** Asks processes to end, all at the same time, and after `graceMs` makes them. */
export async function stopProcesses(pids: readonly number[], graceMs: number): Promise<void> {
  await Promise.all(
    pids.map(async (pid) => {
      if (await signalAndWait(pid, 'SIGTERM', graceMs)) return;
      if (await signalAndWait(pid, 'SIGKILL', 5000)) return;
      throw new PlanetLabError('step_failed', `Process ${pid} does not end, not even by SIGKILL.`);
    }),
  );
}
