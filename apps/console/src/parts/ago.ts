import { DAY_MS, formatDuration, HOUR_MS, MINUTE_MS } from '@planetlab/model';

/** A duration for a table, coarser the longer it is, so that rows do not flicker: "just now", "40 s", "5 min", "3 h", "2 d". */
export function coarseDuration(ms: number): string {
  if (ms < 0) return `-${coarseDuration(-ms)}`;
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1000)} s`;
  if (ms < HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} d`;
}

/** Clocks differ a little; nothing has happened in the future. */
export const ago = (instant: string, nowMs: number): string => {
  const ms = Math.max(0, nowMs - Date.parse(instant));
  return ms < 10_000 ? 'just now' : `${coarseDuration(ms)} ago`;
};

export function expiresIn(instant: string, nowMs: number): string {
  const ms = Date.parse(instant) - nowMs;
  return ms <= 0 ? `expired ${coarseDuration(-ms)} ago` : `in ${coarseDuration(ms)}`;
}

export const timeTaken = (ms: number | null): string => (ms === null ? '–' : formatDuration(ms));

/** For a `title`: the instant in the reader's own time zone. */
export const inFull = (instant: string): string =>
  new Date(instant).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
