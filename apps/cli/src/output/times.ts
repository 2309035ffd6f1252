import { formatDuration, fromInstant, type Instant } from '@planetlab/model';

/** "in 13 d 4 h", "3 min 10 s ago", "now". */
export function relativeTime(instant: Instant, nowMs: number): string {
  const ms = fromInstant(instant) - nowMs;
  if (Math.abs(ms) < 1000) return 'now';
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}

/** "in 13 d 4 h (2026-03-02 10:00 UTC)": for the one time that matters on a page. */
export const fullTime = (instant: Instant, nowMs: number): string =>
  `${relativeTime(instant, nowMs)} (${instant.slice(0, 10)} ${instant.slice(11, 16)} UTC)`;

export const orDash = (text: string | null | undefined): string =>
  text === null || text === undefined || text === '' ? '-' : text;
