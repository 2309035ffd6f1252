/**
 * Gathers what has changed and reads it again: soon, together, and never twice at once.
 * What changes during a reading is read again after it, so nothing is missed and a burst costs few readings.
 */
export class Refresher<Key> {
  readonly #refresh: (keys: readonly Key[]) => Promise<void>;
  readonly #delayMs: number;
  readonly #dirty = new Set<Key>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = false;

  constructor(refresh: (keys: readonly Key[]) => Promise<void>, delayMs: number) {
    this.#refresh = refresh;
    this.#delayMs = delayMs;
  }

  note(keys: Iterable<Key>): void {
    for (const key of keys) this.#dirty.add(key);
    this.#schedule();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#dirty.clear();
  }

  #schedule(): void {
    if (this.#reading || this.#timer !== undefined || this.#dirty.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#read();
    }, this.#delayMs);
  }

  async #read(): Promise<void> {
    const keys = [...this.#dirty];
    this.#dirty.clear();
    this.#reading = true;
    try {
      await this.#refresh(keys);
    } finally {
      this.#reading = false;
      this.#schedule();
    }
  }
}
