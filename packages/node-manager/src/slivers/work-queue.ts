/**
 * Runs one job per key, a few keys at a time. A job that takes long no longer counts, so that some that hang hold up no
 * others; but there is an end to that, too. A key that is asked for again while its job runs is run once more after
 * it: nothing is lost, and nothing piles up.
 */
export interface WorkQueue {
  add(key: string): void;
  /** Takes no more work; resolves when what runs has ended. */
  close(): Promise<void>;
  /** Resolves when there is nothing to do. */
  idle(): Promise<void>;
}

export interface WorkQueueOptions {
  /** Jobs at a time, of those that do not take long. */
  readonly concurrency: number;
  /** From this age on a job takes long. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 2_000;
/** Jobs at a time, whatever they take. */
const MOST_JOBS = 64;

export function createWorkQueue(
  { concurrency, patienceMs = PATIENCE_MS }: WorkQueueOptions,
  job: (key: string) => Promise<void>,
): WorkQueue {
  const waiting = new Set<string>();
  const running = new Set<string>();
  let quick = 0;
  let idlers: (() => void)[] = [];
  let closed = false;

  const pump = () => {
    for (const key of waiting) {
      if (quick >= concurrency || running.size >= MOST_JOBS) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      running.add(key);
      const place = takePlace();
      void job(key).finally(() => {
        place();
        running.delete(key);
        pump();
        if (running.size > 0 || waiting.size > 0) return;
        for (const resolve of idlers) resolve();
        idlers = [];
      });
    }
  };
  /** Gives the place back when called, or when the time is over. */
  const takePlace = () => {
    quick++;
    let held = true;
    const leave = () => {
      clearTimeout(timer);
      if (held) quick--;
      held = false;
    };
    const timer = setTimeout(() => {
      leave();
      pump();
    }, patienceMs);
    return leave;
  };
  const pumpSoon = onceSoon(pump);
  const idle = () =>
    running.size === 0 && waiting.size === 0
      ? Promise.resolve()
      : new Promise<void>((resolve) => {
          idlers.push(resolve);
        });

  return {
    add(key) {
      if (closed) return;
      waiting.add(key);
      pumpSoon();
    },
    close() {
      closed = true;
      waiting.clear();
      return idle();
    },
    idle,
  };
}

/** Acts at the end of what is being done: all that is asked for together waits before any of it begins. */
function onceSoon(act: () => void): () => void {
  let soon = false;
  return () => {
    if (soon) return;
    soon = true;
    queueMicrotask(() => {
      soon = false;
      act();
    });
  };
}
