import { messageOf, SECOND_MS, type SliceName } from '@planetlab/model';
import type { Logger } from 'pino';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Announcement } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import { settleOperations } from './settle.ts';

/** Changes within this time are looked at together; and no more than a quarter of the time is spent looking. */
const GATHER_MS = 100;
const REST_FACTOR = 3;
const TICK_MS = SECOND_MS;
/** Every so many ticks all operations are looked at: nodes that went away, changes that were missed. */
const TICKS_TO_ALL = 5;

/** Keeps the operations up to date, in every PLC process, for as long as it runs. */
export function keepOperations(store: Store, feed: ChangeFeed, log: Logger): Disposable {
  const keeper = new Keeper(store, log);
  const unsubscribe = feed.subscribe(
    (change) => keeper.note(change),
    () => keeper.noteAll(),
  );
  return {
    [Symbol.dispose]() {
      unsubscribe();
      keeper.stop();
    },
  };
}

class Keeper {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #slices = new Set<SliceName>();
  readonly #ticker: NodeJS.Timeout;
  #all = true;
  #ticks = 0;
  #timer: NodeJS.Timeout | undefined;
  #working = false;
  #stopped = false;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  note({ type, name }: Announcement): void {
    if (type !== 'sliver') return;
    this.#slices.add(name.slice(0, name.indexOf('@')) as SliceName); // of our own transactions, only compared
    this.#soon(GATHER_MS);
  }

  noteAll(): void {
    this.#all = true;
    this.#soon(GATHER_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticker);
    clearTimeout(this.#timer);
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#ticks % TICKS_TO_ALL === 0) this.#all = true;
    this.#soon(0);
  }

  #soon(ms: number): void {
    if (this.#working || this.#stopped || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#work();
    }, ms);
  }

  async #work(): Promise<void> {
    this.#working = true;
    const startedMs = performance.now();
    const which = this.#all ? 'all' : new Set(this.#slices);
    this.#all = false;
    this.#slices.clear();
    try {
      await settleOperations(this.#store, 'due');
      if (which === 'all' || which.size > 0) await settleOperations(this.#store, which);
    } catch (error) {
      this.#all = true;
      if (!this.#stopped) this.#log.warn({ error: messageOf(error) }, 'operations were not looked at; tried again');
    }
    this.#working = false;
    if (this.#slices.size > 0) this.#soon(Math.max(GATHER_MS, REST_FACTOR * (performance.now() - startedMs)));
  }
}
