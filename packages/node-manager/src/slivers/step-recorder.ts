import { messageOf } from '@planetlab/model';
import type { Logger } from '../logger.ts';
import type { StepEntry } from '../store/step-log.ts';
import type { NodeStore } from '../store/store.ts';

/** Writes down the steps that are taken; those of one turn of the event loop together, because each write has its price. */
export interface StepRecorder {
  record(entries: readonly StepEntry[]): void;
  /** Writes what is not written yet. */
  flush(): void;
}

export function createStepRecorder(store: Pick<NodeStore, 'logSteps'>, logger: Logger): StepRecorder {
  let waiting: StepEntry[] = [];
  /** What cannot be written down, as on a full disk, is said; slivers do not depend on it. */
  const flush = () => {
    const entries = waiting;
    waiting = [];
    try {
      store.logSteps(entries);
    } catch (error) {
      logger.error({ reason: messageOf(error) }, 'steps could not be logged');
    }
  };
  return {
    record(entries) {
      const durations = entries.map(({ step, durationMs }) => [step, Math.round(durationMs * 10) / 10]);
      logger.info({ slice: entries[0]?.slice ?? undefined, stepsMs: Object.fromEntries(durations) }, 'steps taken');
      if (waiting.length === 0) setImmediate(flush);
      waiting.push(...entries);
    },
    flush,
  };
}
