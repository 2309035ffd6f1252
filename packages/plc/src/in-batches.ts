export interface BatchLimits<T> {
  /** Of all items of a batch together. */
  readonly mostSize: number;
  readonly sizeOf: (item: T) => number;
  readonly mostItems?: number;
}

/** The items in their order, as many at a time as the limits allow; one that is larger than they allow comes alone. */
export function* inBatches<T>(
  items: readonly T[],
  { mostSize, sizeOf, mostItems = Number.POSITIVE_INFINITY }: BatchLimits<T>,
): Generator<readonly T[]> {
  let batch: T[] = [];
  let size = 0;
  for (const item of items) {
    const more = sizeOf(item);
    if (batch.length === mostItems || (batch.length > 0 && size + more > mostSize)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(item);
    size += more;
  }
  if (batch.length > 0) yield batch;
}
