import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** Processor time of a process and of its children that have ended, in seconds: the kernel's count. */
export function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  return fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) / TICKS_PER_SECOND;
}

/** Resident set of a process in MiB, shared pages included (`VmRSS`). */
export const residentMiB = (pid: number): number => statusMiB(pid, 'VmRSS');

/** What is a process's own of it: neither files nor shared memory (`RssAnon`). */
export const anonymousMiB = (pid: number): number => statusMiB(pid, 'RssAnon');

const statusMiB = (pid: number, key: string): number =>
  Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
