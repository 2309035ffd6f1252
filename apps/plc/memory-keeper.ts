import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What is seen of this process at one moment. */
export interface MemoryLook {
  readonly atMs: number;
  /** Processor time so far. */
  readonly busyMs: number;
  readonly residentMiB: number;
  /** Requests that have come so far. */
  readonly requests: number;
}

export interface MemoryKeeperOptions {
  readonly look: () => MemoryLook;
  readonly collect: () => void;
  /** Gives freed pages back to the kernel. */
  readonly release: () => void;
  readonly lookEveryMs?: number;
  /** What was freed by a collection is swept by other threads. */
  readonly settleMs?: number;
}

const LOOK_EVERY_MS = 10_000;
const SETTLE_MS = 3_000;
/** A process that is smaller has nothing that is worth a pause. */
const WORTH_MIB = 256;
/** Above what was left the last time, when it has done nothing since but be there. */
const GROWTH_MIB = 64;
/** Of one core. A thousand nodes that do nothing take an eighth of it. */
const QUIET_PART = 0.25;
/** Who asks more often than that would wait for a collection. */
const QUIET_REQUESTS_PER_SECOND = 1;

/**
 * Gives back in a quiet moment what a busy hour took: V8 lets garbage lie while nothing is allocated, and the C library
 * keeps freed pages between those in use. Each is a pause of up to a second, which a busy process is not given.
 */
export function startMemoryKeeper(options: MemoryKeeperOptions): AsyncDisposable {
  const stopping = new AbortController();
  const done = keep(options, stopping.signal);
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await done;
    },
  };
}

async function keep(options: MemoryKeeperOptions, signal: AbortSignal): Promise<void> {
  const { look, collect, release, lookEveryMs = LOOK_EVERY_MS, settleMs = SETTLE_MS } = options;
  const pause = (ms: number) => sleep(ms, undefined, { signal, ref: false }).catch(() => {}); // stopped: the loop ends
  let leftMiB = 0;
  for (let before = look(); !signal.aborted; before = look()) {
    await pause(lookEveryMs);
    const now = look();
    if (!isQuiet(before, now))
      leftMiB = 0; // of what was needed then much may be garbage now
    else if (!signal.aborted && isWorthIt(now, leftMiB)) {
      collect();
      await pause(settleMs);
      release();
      const { residentMiB } = look();
      // What gave much back gives more the next time: it moves together only a part of what is left.
      leftMiB = now.residentMiB - residentMiB < GROWTH_MIB ? residentMiB : 0;
    }
  }
}

export function isQuiet(before: MemoryLook, now: MemoryLook): boolean {
  const ms = now.atMs - before.atMs;
  const isAsked = now.requests - before.requests > (QUIET_REQUESTS_PER_SECOND * ms) / 1000;
  return !isAsked && now.busyMs - before.busyMs < QUIET_PART * ms;
}

export const isWorthIt = ({ residentMiB }: MemoryLook, leftMiB: number): boolean =>
  residentMiB > Math.max(WORTH_MIB, leftMiB + GROWTH_MIB);

/** Without the last word V8 finds what is garbage, and keeps the pages between what is not. */
const COLLECTION = { type: 'major', execution: 'sync', flavor: 'last-resort' } as const;

/** Of this process. */
export async function thisMemory(requests: () => number): Promise<MemoryKeeperOptions> {
  setFlagsFromString('--expose-gc');
  const collect: (options: typeof COLLECTION) => void = runInNewContext('gc');
  return {
    look() {
      const { user, system } = process.cpuUsage();
      const residentMiB = process.memoryUsage.rss() / 2 ** 20;
      return { atMs: performance.now(), busyMs: (user + system) / 1000, residentMiB, requests: requests() };
    },
    collect: () => collect(COLLECTION),
    release: await pagesOfLibrary(),
  };
}

/** Nothing where the C library has no such function. */
async function pagesOfLibrary(): Promise<() => void> {
  try {
    const { default: koffi } = await import('koffi');
    const trim: (padBytes: number) => number = koffi.load('libc.so.6').func('int malloc_trim(size_t pad)');
    return () => void trim(0);
  } catch {
    return () => {}; // a collection alone gives some of it back
  }
}
