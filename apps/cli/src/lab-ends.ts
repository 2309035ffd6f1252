import type { PartEnd } from '@planetlab/lab';
import type { Io } from './io.ts';

/** Says at once, on standard error, which of a lab's programs has ended and why, until they are meant to. */
export interface LabEnds {
  readonly add: (end: PartEnd) => void;
  /** From now on they end because the lab is taken down. True when one had ended by itself before. */
  stop(): boolean;
}

export function watchLabEnds(io: Pick<Io, 'stderr' | 'interrupted'>): LabEnds {
  let any = false;
  let meant = false;
  return {
    add({ what, how, lastWords, logFile }) {
      if (meant || io.interrupted.aborted) return;
      any = true;
      const words = lastWords === '' ? 'It left no words.' : `Its last words (all are in ${logFile}):\n${lastWords}`;
      io.stderr.write(`pl: ${what} has ended (${how}); the rest goes on. ${words}\n`);
    },
    stop() {
      meant = true;
      return any;
    },
  };
}
