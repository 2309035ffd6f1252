import { DAY_MS, type Egress } from '@planetlab/model';

/** What a sliver has sent in its day, which begins with what it sends first and lasts 24 hours. */
export interface DailyUsage {
  readonly dayStartMs: number;
  readonly sentBytes: number;
}

/** From this part of the volume on a sliver is slowed (the original's figure). */
const SLOWED_FROM = 0.8;
const BYTES_PER_MIB = 1024 * 1024;

/**
 * The day in which `nowMs` lies: the same, or a new one. A clock that is set back does not begin a new day: what was
 * sent counts on, in a day that begins now.
 */
export function usageAt(usage: DailyUsage, nowMs: number): DailyUsage {
  if (nowMs < usage.dayStartMs) return { dayStartMs: nowMs, sentBytes: usage.sentBytes };
  return nowMs - usage.dayStartMs < DAY_MS ? usage : { dayStartMs: nowMs, sentBytes: 0 };
}

export const isSlowed = ({ sentBytes }: DailyUsage, { dailyMiB }: Pick<Egress, 'dailyMiB'>): boolean =>
  sentBytes >= SLOWED_FROM * dailyMiB * BYTES_PER_MIB;

/**
 * The highest rate of a sliver now, in kbit/s: what it asked for, and from 80 % of its volume on what makes the rest
 * last the day, never below its minimum.
 */
export function ceilFor(
  usage: DailyUsage,
  egress: Pick<Egress, 'minKbps' | 'maxKbps' | 'dailyMiB'>,
  nowMs: number,
): number {
  const today = usageAt(usage, nowMs);
  if (!isSlowed(today, egress)) return egress.maxKbps;
  const leftBytes = Math.max(0, egress.dailyMiB * BYTES_PER_MIB - today.sentBytes);
  const leftSeconds = Math.max(1, (today.dayStartMs + DAY_MS - nowMs) / 1000);
  const kbps = Math.floor((leftBytes * 8) / 1000 / leftSeconds);
  return Math.min(egress.maxKbps, Math.max(egress.minKbps, kbps));
}
