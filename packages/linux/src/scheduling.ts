import { readdirSync } from 'node:fs';
import { isErrno } from './processes.ts';
import { check, cLibrary } from './syscalls.ts';

/**
 * How long a program may compute in its turn (EEVDF, Linux ≥ 6.12). It changes nothing of how much it gets: who asks for a
 * short turn gets it sooner after it wakes up. What a process starts inherits it. Older kernels take it and do nothing.
 */

const ATTRIBUTES_BYTES = 56;
const POLICY_OFFSET = 4;
const SCHED_OTHER = 0;
const FLAGS_OFFSET = 8;
const RUNTIME_OFFSET = 24;
const SYSTEM_CALLS = process.arch === 'arm64' ? { set: 274, get: 275 } : { set: 314, get: 315 };

/** Sets it for every thread of a process, in microseconds; 0 is the kernel's own. No effect when the process has ended. */
export function setTimeSlice(pid: number, microseconds: number): void {
  for (const thread of threadsOf(pid)) setOfThread(thread, microseconds);
}

/** Runs `start`, which must not wait for anything, so that what it starts has this turn from its first moment. */
export function withTimeSlice<T>(microseconds: number, start: () => T): T {
  setOfThread(CALLING_THREAD, microseconds);
  try {
    return start();
  } finally {
    setOfThread(CALLING_THREAD, 0);
  }
}

const CALLING_THREAD = 0;

function setOfThread(thread: number, microseconds: number): void {
  const attributes = readAttributes(thread);
  if (attributes === undefined) return;
  attributes.writeBigUInt64LE(BigInt(microseconds) * 1000n, RUNTIME_OFFSET);
  attributes.writeBigUInt64LE(0n, FLAGS_OFFSET);
  const given = ['int', thread, 'void *', attributes, 'uint', 0] as const;
  try {
    check(cLibrary().syscall(SYSTEM_CALLS.set, ...given), 'sched_setattr', String(thread));
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}

/** What it is for a process, in microseconds; undefined when the kernel does not say, or there is no such process. */
export function timeSlice(pid: number): number | undefined {
  const nanoseconds = readAttributes(pid)?.readBigUInt64LE(RUNTIME_OFFSET) ?? 0n;
  return nanoseconds === 0n ? undefined : Number(nanoseconds / 1000n);
}

/** `struct sched_attr` of an ordinary thread; undefined for one that is gone, or that somebody made a real-time one. */
function readAttributes(thread: number): Buffer | undefined {
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  const size = ['uint', ATTRIBUTES_BYTES, 'uint', 0] as const;
  if (cLibrary().syscall(SYSTEM_CALLS.get, 'int', thread, 'void *', attributes, ...size) < 0) return undefined;
  return attributes.readUInt32LE(POLICY_OFFSET) === SCHED_OTHER ? attributes : undefined;
}

function threadsOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return [];
    throw error;
  }
}
