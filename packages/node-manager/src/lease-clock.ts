import { messageOf } from '@planetlab/model';
import type { Logger } from './logger.ts';
import { createSteadyClock } from './steady-clock.ts';
import type { NodeStore } from './store/store.ts';

export interface LeaseClockOptions {
  readonly store: Pick<NodeStore, 'liveLeases' | 'listSteps'>;
  readonly wallMs: () => number;
  readonly logger: Logger;
}

/** The time that the leases of this store are measured by: never before what the store knows to have happened. */
export function createLeaseClock({ store, wallMs, logger }: LeaseClockOptions): () => number {
  const issuedMs = store.liveLeases().map(({ lease }) => lease.issuedAtMs);
  return createSteadyClock({
    wallMs,
    monotonicMs: () => performance.now(),
    notBeforeMs: Math.max(newestStepMs(store, logger), ...issuedMs),
    stepped: (byMs, followed) =>
      logger.warn({ byMs }, followed ? 'the clock stood by its step, and is followed' : 'the clock was stepped'),
  });
}

/** A lease that is renewed keeps the time when it was issued, for months; steps are taken every few minutes. */
function newestStepMs(store: LeaseClockOptions['store'], logger: Logger): number {
  try {
    const [newest] = store.listSteps({ slices: 'all', limit: 1 });
    return newest === undefined ? 0 : Date.parse(newest.at);
  } catch (error) {
    logger.warn({ reason: messageOf(error) }, 'the log of steps cannot be read');
    return 0;
  }
}
