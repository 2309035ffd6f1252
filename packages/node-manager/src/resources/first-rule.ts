/** What part of its reservation a sliver used since it was looked at before. */
export function usedPart(usedMs: number, elapsedMs: number, reservedMillis: number): number {
  return usedMs / (elapsedMs * (reservedMillis / 1000));
}

/** From here on it may need more than its reservation: it is to have its share of the rest as well, and what is idle. */
const LEAVES_AT = 0.9;
/** Well below: who computes about as much as it reserved is not to change all the time. */
const ENTERS_AT = 0.7;

/**
 * Whether a sliver with a reservation goes before all others: as long as it keeps to what it reserved. Weights alone give
 * it its part, but late: it waits for its turn behind whoever has been waiting. While it is first it cannot compute more
 * than it reserved, so that nobody else gets less than by the weights.
 */
export const goesFirst = (isFirst: boolean, part: number): boolean => part < (isFirst ? LEAVES_AT : ENTERS_AT);
