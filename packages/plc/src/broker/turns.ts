import { SECOND_MS } from '@planetlab/model';
import type { Arrivals } from '../uplinks/arrivals.ts';

export interface TurnsOptions {
  readonly arrivals: Pick<Arrivals, 'underWay'>;
  readonly nowMs?: () => number;
}

/** Enough for what they ask of the database to go together. */
const AT_ONCE = 50;
/** With more than these on their way it is a rush. */
const FEW_ARRIVALS = 4;
/** Strangers who keep handshakes open are in nobody's way for longer. */
const LONGEST_WAIT_MS = 5 * SECOND_MS;
/** A node that does not answer is in nobody's way for longer. */
const LONGEST_HOLD_MS = 5 * SECOND_MS;
const LOOK_EVERY_MS = 50;

/**
 * When sessions may begin. After a restart all nodes come back at once: they are let in first, for a handshake that waits
 * long is given up and made again; then sessions begin some at a time, and not all of them late.
 */
export class Turns {
  readonly #arrivals: TurnsOptions['arrivals'];
  readonly #nowMs: () => number;
  readonly #waiting: { readonly sinceMs: number; readonly go: (done: () => void) => void }[] = [];
  #held = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ arrivals, nowMs = () => performance.now() }: TurnsOptions) {
    this.#arrivals = arrivals;
    this.#nowMs = nowMs;
  }

  /** Resolves when it is the caller's turn, with what ends it. */
  take(): Promise<() => void> {
    return new Promise((go) => {
      this.#waiting.push({ sinceMs: this.#nowMs(), go });
      this.#look();
    });
  }

  #look(): void {
    clearTimeout(this.#timer);
    while (this.#mayBegin()) this.#waiting.shift()?.go(this.#hold());
    if (this.#waiting.length > 0) this.#timer = setTimeout(() => this.#look(), LOOK_EVERY_MS).unref();
  }

  #mayBegin(): boolean {
    const [first] = this.#waiting;
    if (first === undefined || this.#held >= AT_ONCE) return false;
    return this.#arrivals.underWay <= FEW_ARRIVALS || this.#nowMs() - first.sinceMs >= LONGEST_WAIT_MS;
  }

  #hold(): () => void {
    this.#held += 1;
    let ended = false;
    const end = () => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      this.#held -= 1;
      this.#look();
    };
    const timer = setTimeout(end, LONGEST_HOLD_MS).unref();
    return end;
  }
}
