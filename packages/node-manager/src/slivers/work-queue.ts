/**
 * Runs one job per key, a few keys at a time. A key that is asked for again while its job runs is run once more after
 * it: nothing is lost, and nothing piles up.
 */
export interface WorkQueue {
  add(key: string): void;
  /** Takes no more work; resolves when what runs has ended. */
  close(): Promise<void>;
  /** Resolves when there is nothing to do. */
  idle(): Promise<void>;
}

export function createWorkQueue(concurrency: number, job: (key: string) => Promise<void>): WorkQueue {
  const waiting = new Set<string>();
  const running = new Set<string>();
  let idlers: (() => void)[] = [];
  let closed = false;

  const pump = () => {
    for (const key of waiting) {
      if (running.size >= concurrency) return;
      if (running.has(key)) continue;
      waiting.delete(key);
      running.add(key);
      void job(key).finally(() => {
        running.delete(key);
        pump();
        if (running.size > 0 || waiting.size > 0) return;
        for (const resolve of idlers) resolve();
        idlers = [];
      });
    }
  };
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
      pump();
    },
    close() {
      closed = true;
      waiting.clear();
      return idle();
    },
    idle,
  };
}
