/** A reply that was written as JSON already, in UTF-8. Only lists are sent so, for they have no ETag. */
export class WrittenJson<T> {
  readonly bytes: Buffer;
  /** Never set: it tells the compiler of what it is. */
  declare readonly of?: T;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}
