import { MINUTE_MS, PlanetLabError } from '@planetlab/model';

/** Remembers which one-time ids were used, for as long as they could be used again. */
export interface ReplayGuard {
  /** True the first time an id is seen within the window, false after that. Throws `too_many_requests` when it is full. */
  remember(id: string, nowMs: number): boolean;
}

/** A proof is accepted from one minute before its time to one minute after it, so an id matters for two, and then some. */
const DEFAULT_WINDOW_MS = 3 * MINUTE_MS;
const DEFAULT_CAPACITY = 200_000;

/**
 * A guard in memory. When `capacity` ids are alive at once it refuses new ones instead of forgetting old ones: forgetting
 * would let whoever can send many requests replay somebody else's.
 */
export function createReplayGuard(options: { windowMs?: number; capacity?: number } = {}): ReplayGuard {
  const { windowMs = DEFAULT_WINDOW_MS, capacity = DEFAULT_CAPACITY } = options;
  // In order of insertion, which is the order of their ends as long as the clock does not step back; after a step back
  // an id only stays longer than needed.
  const endsMs = new Map<string, number>();

  const forgetEnded = (nowMs: number): void => {
    for (const [id, endMs] of endsMs) {
      if (endMs > nowMs) return;
      endsMs.delete(id);
    }
  };

  return {
    remember(id, nowMs) {
      forgetEnded(nowMs);
      if (endsMs.has(id)) return false;
      if (endsMs.size >= capacity) {
        throw new PlanetLabError(
          'too_many_requests',
          'Too many signed requests arrive at once. Try again in a minute.',
        );
      }
      endsMs.set(id, nowMs + windowMs);
      return true;
    },
  };
}
