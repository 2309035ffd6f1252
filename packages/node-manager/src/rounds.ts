/**
 * Something that is done again and again, once at a time: a round that is still under way when the next one is due, or
 * asked for, is that one too. Disposed of, it has ended.
 */
export class Rounds implements AsyncDisposable {
  readonly #work: () => Promise<void>;
  readonly #timer: NodeJS.Timeout;
  #underWay: Promise<void> | undefined;

  /** @param work One round; it never rejects. */
  constructor(periodMs: number, work: () => Promise<void>) {
    this.#work = work;
    this.#timer = setInterval(() => void this.now(), periodMs);
    this.#timer.unref();
  }

  /** A round now. */
  now(): Promise<void> {
    this.#underWay ??= this.#work().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#underWay;
  }
}
