/** Things by name in the order of their names. A list that was given out stays as it was: a change makes another one. */
export class SortedList<T> {
  readonly #nameOf: (item: T) => string;
  #items: readonly T[] = [];

  constructor(nameOf: (item: T) => string) {
    this.#nameOf = nameOf;
  }

  items(): readonly T[] {
    return this.#items;
  }

  set(item: T): void {
    const { at, found } = this.#find(this.#nameOf(item));
    this.#items = this.#items.toSpliced(at, found ? 1 : 0, item);
  }

  delete(name: string): void {
    const { at, found } = this.#find(name);
    if (found) this.#items = this.#items.toSpliced(at, 1);
  }

  /** Where it is, or would be. */
  #find(name: string): { readonly at: number; readonly found: boolean } {
    let [first, end] = [0, this.#items.length];
    while (first < end) {
      const middle = (first + end) >> 1;
      const item = this.#items[middle];
      if (item !== undefined && this.#nameOf(item) < name) first = middle + 1;
      else end = middle;
    }
    const item = this.#items[first];
    return { at: first, found: item !== undefined && this.#nameOf(item) === name };
  }
}
