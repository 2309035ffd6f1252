import { MINUTE_MS } from '@planetlab/model';

/**
 * The time that leases are measured by. A step of the machine's clock neither ends leases early nor keeps them alive:
 * - while the manager runs, time goes on by a clock that is never set (monotonic);
 * - slow corrections, as NTP makes them, are followed at once;
 * - a step is followed only when the clock has stood by it for a quarter of an hour: a wrong one is usually put right
 *   before that, and a right one (a clock that was wrong at boot) is late by that time and no more;
 * - at start the time is never before `notBeforeMs`, something that is known to have happened: a machine that boots in
 *   1970 does not honour its leases for half a century.
 */
export interface SteadyClockOptions {
  /** The machine's clock, in milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Milliseconds since some moment, never set. */
  readonly monotonicMs: () => number;
  readonly notBeforeMs: number;
  /** Told when a step begins to be doubted, and when it is followed; `byMs` is its size. */
  readonly stepped: (byMs: number, followed: boolean) => void;
}

/** More than this between two looks at the clock is no correction but a step. */
const STEP_MS = 10_000;
const STOOD_BY_MS = 15 * MINUTE_MS;

export function createSteadyClock({ wallMs, monotonicMs, notBeforeMs, stepped }: SteadyClockOptions): () => number {
  /** Time minus monotonic time. */
  let offsetMs = Math.max(wallMs(), notBeforeMs) - monotonicMs();
  let doubt: { readonly offsetMs: number; readonly sinceMs: number } | undefined;

  return () => {
    const elapsedMs = monotonicMs();
    const toldMs = wallMs() - elapsedMs;
    const stepMs = toldMs - offsetMs;
    if (Math.abs(stepMs) <= STEP_MS) {
      offsetMs = toldMs;
      doubt = undefined;
    } else if (doubt === undefined || Math.abs(toldMs - doubt.offsetMs) > STEP_MS) {
      doubt = { offsetMs: toldMs, sinceMs: elapsedMs };
      stepped(stepMs, false);
    } else if (elapsedMs - doubt.sinceMs >= STOOD_BY_MS) {
      offsetMs = toldMs;
      doubt = undefined;
      stepped(stepMs, true);
    }
    return offsetMs + elapsedMs;
  };
}
