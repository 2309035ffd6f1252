import { SECOND_MS } from '@planetlab/model';

/** How much of something may come at once, and how much of it comes back each second. */
export interface AllowanceLimits {
  readonly atOnce: number;
  readonly perSecond: number;
}

/** What one node may still send. It refills with time up to its limit. */
export class Allowance {
  readonly #limits: AllowanceLimits;
  readonly #nowMs: () => number;
  #left: number;
  #seenMs: number;

  constructor(limits: AllowanceLimits, nowMs: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#left = limits.atOnce;
    this.#seenMs = nowMs();
  }

  /** Whether there was so much left. What was too much counts as well. */
  take(amount: number): boolean {
    const { atOnce, perSecond } = this.#limits;
    const nowMs = this.#nowMs();
    const refilled = this.#left + (Math.max(0, nowMs - this.#seenMs) / SECOND_MS) * perSecond;
    this.#seenMs = nowMs;
    this.#left = Math.min(atOnce, refilled) - amount;
    return this.#left >= 0;
  }
}
