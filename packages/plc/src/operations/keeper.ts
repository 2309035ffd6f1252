import { messageOf, SECOND_MS, type SliverName } from '@planetlab/model';
import type { Logger } from 'pino';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Announcement } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import { settleOperations } from './settle.ts';

/** Changes within this time are looked at together, with rests between: three times as long as the looking, up to a limit. */
const GATHER_MS = 100;
const REST_FACTOR = 3;
/** Whoever waits for an operation is not to wait for our rest. */
const LONGEST_REST_MS = 2 * SECOND_MS;
const TICK_MS = SECOND_MS;
/** So often all of every operation is looked at: nodes that went away, changes that were missed. */
const ALL_EVERY_MS = 5 * SECOND_MS;
/** With very much to look at it is done less often, and no more than an eleventh of the time is spent on it. */
const ALL_REST_FACTOR = 10;

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
  #slivers = new Set<SliverName>();
  #begun = new Set<string>();
  readonly #ticker: NodeJS.Timeout;
  #all = true;
  #nextAllMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #working = false;
  #stopped = false;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
  }

  note({ type, name, fromNode }: Announcement): void {
    if (type === 'sliver')
      this.#slivers.add(name as SliverName); // of our own transactions, only compared
    else if (type === 'operation' && fromNode !== true) this.#begun.add(name);
    else return;
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
    if (!this.#working && performance.now() >= this.#nextAllMs) this.#all = true;
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
    const changed = { slivers: this.#slivers, begun: this.#begun };
    const which = this.#all ? 'all' : changed;
    this.#all = false;
    this.#slivers = new Set();
    this.#begun = new Set();
    try {
      await settleOperations(this.#store, 'due');
      if (which === 'all' || changed.slivers.size + changed.begun.size > 0) await settleOperations(this.#store, which);
    } catch (error) {
      this.#all = true;
      if (!this.#stopped) this.#log.warn({ error: messageOf(error) }, 'operations were not looked at; tried again');
    }
    this.#working = false;
    const tookMs = performance.now() - startedMs;
    if (which === 'all') this.#nextAllMs = startedMs + Math.max(ALL_EVERY_MS, ALL_REST_FACTOR * tookMs);
    const restMs = Math.min(LONGEST_REST_MS, Math.max(GATHER_MS, REST_FACTOR * tookMs));
    if (this.#slivers.size + this.#begun.size > 0) this.#soon(restMs);
  }
}
