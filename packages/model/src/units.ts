/** Units in words. Names of values carry their unit (`leaseMs`, `memoryMiB`); these turn them into text and back. */
export const SECOND_MS = 1000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const WEEK_MS = 7 * DAY_MS;

const SCALE: readonly (readonly [string, number])[] = [
  ['w', WEEK_MS],
  ['d', DAY_MS],
  ['h', HOUR_MS],
  ['min', MINUTE_MS],
  ['s', SECOND_MS],
];

/** `formatDuration(5_400_000)` is "1 h 30 min"; at most two units, milliseconds below one second. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < SECOND_MS) return `${Math.round(ms)} ms`;
  if (ms < 10 * SECOND_MS) return `${(ms / SECOND_MS).toFixed(1)} s`;
  const first = SCALE.findIndex(([, size]) => ms >= size);
  const parts: string[] = [];
  let rest = ms;
  for (const [unit, size] of SCALE.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    if (count > 0) parts.push(`${count} ${unit}`);
    rest -= count * size;
  }
  return parts.join(' ');
}

/** A time for a sentence, to the minute, in the one zone that all read the same: "2026-11-26 02:08 UTC". */
export const formatTime = (at: Date | string): string =>
  `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** Parses "30s", "15min", "2h", "14d", "8w" into milliseconds; undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(s|min|h|d|w)$/.exec(text.trim());
  const size = SCALE.find(([unit]) => unit === match?.[2])?.[1];
  return match === null || size === undefined ? undefined : Number(match[1]) * size;
}

/** `formatMiB(5000)` is "4.9 GiB". */
export function formatMiB(mib: number): string {
  if (mib < 1024) return `${mib} MiB`;
  const gib = mib / 1024;
  return gib < 1024 ? `${gib.toFixed(gib < 10 ? 1 : 0)} GiB` : `${(gib / 1024).toFixed(1)} TiB`;
}

/** A rate as people write it, exact: "500 kbit/s", "1.5 Mbit/s", "1 Gbit/s". */
export function formatKbps(kbps: number): string {
  const [size, unit] = kbps >= 1e6 ? [1e6, 'Gbit/s'] : kbps >= 1000 ? [1000, 'Mbit/s'] : [1, 'kbit/s'];
  return `${kbps / size} ${unit}`;
}
