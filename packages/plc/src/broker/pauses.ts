import { pauseMs } from './plan.ts';

/** What failed is tried again after a pause that grows with each failure in a row. By the steps' pause keys. */
export class Pauses {
  readonly #failures = new Map<string, { readonly count: number; readonly untilMs: number }>();

  failed(key: string, nowMs: number): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    this.#failures.set(key, { count, untilMs: nowMs + pauseMs(count) });
  }

  succeeded(key: string): void {
    this.#failures.delete(key);
  }

  /** Of all keys that begin so: what they were about is gone. */
  forget(prefix: string): void {
    for (const key of this.#failures.keys()) if (key.startsWith(prefix)) this.#failures.delete(key);
  }

  /** All may be tried now; the next pause is as long as it would have been. */
  end(): void {
    for (const [key, { count }] of this.#failures) this.#failures.set(key, { count, untilMs: 0 });
  }

  until(): ReadonlyMap<string, number> {
    return new Map([...this.#failures].map(([key, { untilMs }]) => [key, untilMs]));
  }
}
