import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isAlive, isErrno } from '@planetlab/linux';

/** Runtimes we can drive; they differ in how they write down what they run. */
export type RuntimeName = 'crun' | 'runc';

/** What a runtime has written about one machine. */
export interface RuntimeState {
  readonly pid: number;
  /** In clock ticks since boot; tells the process from a later one with the same pid. */
  readonly startTime: number;
}

const FILE_OF: Readonly<Record<RuntimeName, string>> = { crun: 'status', runc: 'state.json' };
const KEYS_OF: Readonly<Record<RuntimeName, readonly [pid: string, startTime: string]>> = {
  crun: ['pid', 'process-start-time'],
  runc: ['init_process_pid', 'init_process_start'],
};

/** Parses a runtime's own state file; undefined when it is not whole (the runtime was killed while writing it). */
export function parseRuntimeState(runtime: RuntimeName, text: string): RuntimeState | undefined {
  const [pidKey, startKey] = KEYS_OF[runtime];
  try {
    const state: unknown = JSON.parse(text);
    if (typeof state !== 'object' || state === null) return undefined;
    const fields = new Map<string, unknown>(Object.entries(state));
    const [pid, startTime] = [fields.get(pidKey), fields.get(startKey)];
    return typeof pid === 'number' && pid > 0 && typeof startTime === 'number' ? { pid, startTime } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A machine as its runtime's files and the kernel have it: without a state it is half-made or damaged. */
export interface RecordedMachine {
  /** Its first process, when that is alive. */
  readonly process?: RuntimeState;
  /** Whether it waits to be started. */
  readonly waiting: boolean;
}

/** Reads a runtime's folder; starts no process. */
export function readRecordedMachine(runtime: RuntimeName, folder: string): RecordedMachine {
  const text = readOptional(`${folder}/${FILE_OF[runtime]}`);
  const state = text === undefined ? undefined : parseRuntimeState(runtime, text);
  if (state === undefined || !isAlive(state.pid, state.startTime)) return { waiting: false };
  // Both runtimes keep a pipe of this name until the machine is started.
  return { process: state, waiting: existsSync(`${folder}/exec.fifo`) };
}

/** Names of the folders in a folder; none when it does not exist. */
export function folderNames(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR')) return undefined;
    throw error;
  }
}

/** The errors in a runtime's log (`--log-format json`), in its own words; undefined when it reported none. */
export function errorsInLog(path: string): string | undefined {
  const messages = (readOptional(path) ?? '').split('\n').flatMap((line) => errorInLine(line) ?? []);
  return messages.length === 0 ? undefined : messages.join('; ');
}

function errorInLine(line: string): string | undefined {
  if (line === '') return undefined;
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('level' in entry) || !('msg' in entry)) return line;
    return entry.level === 'error' || entry.level === 'fatal' ? String(entry.msg) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return line; // not what was asked for, but words of the tool all the same
    throw error;
  }
}
