import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** One process as `/proc/PID/stat` tells it. */
export interface ProcessStat {
  /** `R`, `S`, `D`, `Z`, `T`, ... */
  readonly state: string;
  readonly parentPid: number;
  /** In clock ticks since boot. Together with the pid it names a process for ever. */
  readonly startTime: number;
}

/** Parses `/proc/PID/stat`; the program's name in it may contain anything, blanks and brackets included. */
export function parseProcessStat(text: string): ProcessStat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parentPid] = fields;
  const startTime = fields[19];
  if (state === undefined || parentPid === undefined || startTime === undefined) return undefined;
  return { state, parentPid: Number(parentPid), startTime: Number(startTime) };
}

export function processStat(pid: number): ProcessStat | undefined {
  const text = readProcFile(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseProcessStat(text);
}

/** When the process started, in clock ticks since boot; undefined when there is none of this pid. */
export const processStartTime = (pid: number): number | undefined => processStat(pid)?.startTime;

/**
 * Whether the process exists and has not ended (one that only waits to be collected has).
 * With `startTime`, also whether it is still that process and not a later one that got its pid.
 */
export function isAlive(pid: number, startTime?: number): boolean {
  const stat = processStat(pid);
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return false;
  return startTime === undefined || stat.startTime === startTime;
}

/** Sends a signal; false when there is no such process (any more). */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (isErrno(error, 'ESRCH')) return false;
    throw error;
  }
}

const POLL_MS = 5;

/** Sends a signal and waits until the process has ended; false when it has not within `timeoutMs`. */
export async function signalAndWait(pid: number, name: NodeJS.Signals, timeoutMs: number): Promise<boolean> {
  const startTime = processStartTime(pid);
  if (startTime === undefined || !signal(pid, name)) return true;
  return waitForEnd(pid, startTime, timeoutMs);
}

/** Waits until the process has ended, whoever's child it is; false when it has not within `timeoutMs`. */
export async function waitForEnd(pid: number, startTime: number, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (isAlive(pid, startTime)) {
    if (performance.now() >= deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

/** Pids of all processes that were started with this environment variable (what they changed since does not count). */
export function findProcessesByEnvironment(name: string, value: string): readonly number[] {
  const wanted = `${name}=${value}`;
  return listPids().filter((pid) => readProcFile(`/proc/${pid}/environ`)?.split('\0').includes(wanted) ?? false);
}

export const listPids = (): readonly number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

/** Where a program is that would be run by this name; undefined when there is none. */
export const findProgram = (name: string, path = process.env['PATH'] ?? ''): string | undefined =>
  path
    .split(':')
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false; // the next folder may have it
      }
    });

/** A file of a process that may end, or be another user's, at any moment: then undefined. */
function readProcFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** Whether a thrown value is a system error of one of these names. */
export const isErrno = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
