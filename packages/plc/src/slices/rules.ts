import { fromInstant, type Instant, PlanetLabError, type SliceName, toInstant, WEEK_MS } from '@planetlab/model';

/** FACTS: new slices live two weeks and are renewed up to eight weeks ahead; at most 100 nodes unless an admin or PI says so. */
export const SLICE_LIFE_MS = 2 * WEEK_MS;
export const RENEWAL_LIMIT_MS = 8 * WEEK_MS;
export const SLICE_NODES_LIMIT = 100;

/** The new end of a slice. Throws `slice_expired`, `renewal_too_far`, `malformed_request`. */
export function renewedEnd(
  slice: { readonly name: SliceName; readonly expiresAt: Instant },
  wanted: Instant,
  who: { readonly isAdmin: boolean },
  nowMs: number,
): Date {
  requireAlive(slice, nowMs);
  const end = fromInstant(wanted);
  if (end <= nowMs) {
    throw new PlanetLabError(
      'malformed_request',
      `The new end of a slice is in the future. To end ${slice.name}, delete it.`,
    );
  }
  const limit = nowMs + RENEWAL_LIMIT_MS;
  if (end > limit && !who.isAdmin) {
    throw new PlanetLabError(
      'renewal_too_far',
      `A slice is renewed at most eight weeks ahead: until ${toInstant(limit)} at this time. Admins may go further.`,
      { details: { latest: toInstant(limit) } },
    );
  }
  return new Date(end);
}

/** Throws `slice_expired`. */
export function requireAlive(slice: { readonly name: SliceName; readonly expiresAt: Instant }, nowMs: number): void {
  if (fromInstant(slice.expiresAt) > nowMs) return;
  throw new PlanetLabError(
    'slice_expired',
    `The slice ${slice.name} expired at ${slice.expiresAt} and its slivers have ended. Delete it and create it anew.`,
  );
}

/** Throws `quota_exceeded`. `nodes` is how many there would be. */
export function checkNodeQuota(slice: SliceName, nodes: number, who: { readonly exempt: boolean }): void {
  if (who.exempt || nodes <= SLICE_NODES_LIMIT) return;
  throw new PlanetLabError(
    'quota_exceeded',
    `${slice} would be on ${nodes} nodes; ${SLICE_NODES_LIMIT} is the most that its people may ask for. A PI of its site or an admin can put it on more.`,
    { details: { limit: SLICE_NODES_LIMIT, nodes } },
  );
}
