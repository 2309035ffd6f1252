import type { AuthoritySettings, Site, Slice } from '@planetlab/contract';
import { DAY_MS, fromInstant, type Instant, PlanetLabError, type SliceName, toInstant } from '@planetlab/model';

type Renewed = Pick<Slice, 'name' | 'expiresAt' | 'description' | 'url' | 'suspensions'>;

/**
 * The new end of a slice. Admins may renew further ahead, and a slice that says nothing of itself.
 * Throws `slice_expired`, `renewal_too_far`, `slice_not_described`, `malformed_request`.
 */
export function renewedEnd(
  slice: Renewed,
  wanted: Instant,
  who: { readonly isAdmin: boolean },
  settings: Pick<AuthoritySettings, 'renewalLimitDays'>,
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
  if (who.isAdmin) return new Date(end);
  requireDescribed(slice);
  const limit = nowMs + settings.renewalLimitDays * DAY_MS;
  if (end > limit) {
    throw new PlanetLabError(
      'renewal_too_far',
      `A slice is renewed at most ${settings.renewalLimitDays} days ahead: until ${toInstant(limit)} at this time. Admins may go further.`,
      { details: { latest: toInstant(limit) } },
    );
  }
  return new Date(end);
}

/** Whoever gets mail about what a slice sends must be able to read what it is for. Throws `slice_not_described`. */
function requireDescribed({ name, description, url }: Renewed): void {
  const missing = [...(description.trim() === '' ? ['description'] : []), ...(url === '' ? ['url'] : [])];
  if (missing.length === 0) return;
  const options = missing.map((what) => `--${what} "..."`).join(' ');
  throw new PlanetLabError(
    'slice_not_described',
    `To be renewed, ${name} needs a ${missing.join(' and a ')}: others must be able to read what it is for. Give it with: pl slice set ${name} ${options}`,
  );
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
export function checkNodeQuota(
  slice: Pick<Slice, 'name' | 'maxNodes'>,
  nodes: number,
  who: { readonly exempt: boolean },
  settings: Pick<AuthoritySettings, 'nodesPerSlice'>,
): void {
  const limit = slice.maxNodes ?? settings.nodesPerSlice;
  if (who.exempt || nodes <= limit) return;
  throw new PlanetLabError(
    'quota_exceeded',
    `${slice.name} would be on ${nodes} nodes; ${limit} is the most that its people may ask for. A PI of its site or an admin can put it on more, or raise the limit.`,
    { details: { limit, nodes } },
  );
}

/** Whether a site may get another slice. Throws `quota_exceeded`, `site_closed`. */
export function checkSliceQuota(site: Site, who: { readonly exempt: boolean }): void {
  if (who.exempt) return;
  if (site.closed !== null) throw new PlanetLabError('site_closed', site.closed.message);
  if (site.slices < site.maxSlices) return;
  throw new PlanetLabError(
    'quota_exceeded',
    `The site "${site.name}" has ${site.slices} slices; ${site.maxSlices} is the most. Delete one that is not needed, or ask an admin to raise the limit.`,
    { details: { limit: site.maxSlices, slices: site.slices } },
  );
}
