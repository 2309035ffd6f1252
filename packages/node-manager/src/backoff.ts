export interface BackoffOptions {
  readonly firstMs: number;
  readonly mostMs: number;
  /** 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** Growing pauses between tries, each with up to half of it taken off at random so that many do not try at once. */
export function backoffMs({ firstMs, mostMs, random }: BackoffOptions, failures: number): number {
  const full = Math.min(mostMs, firstMs * 2 ** Math.min(failures, 30));
  return full * (1 - random() / 2);
}
