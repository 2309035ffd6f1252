import { SECOND_MS, type SliceName } from '@planetlab/model';
import type { MeteredSliver } from './volume-meter.ts';

interface Look extends Pick<MeteredSliver, 'lease'> {
  readonly atMs: number;
  readonly sentBytes: number;
  readonly kbps: number | null;
}

/** How fast slivers send: between the last two looks at what the kernel has counted. */
export interface RateMeter {
  take(slivers: readonly Pick<MeteredSliver, 'slice' | 'lease' | 'counters'>[]): void;
  /** In kbit/s; null for a sliver that was not looked at twice. */
  kbps(slice: SliceName): number | null;
}

export function createRateMeter(now: () => number): RateMeter {
  let looks: ReadonlyMap<SliceName, Look> = new Map();
  return {
    take(slivers) {
      const before = looks;
      looks = new Map(slivers.map((sliver) => [sliver.slice, look(before.get(sliver.slice), sliver, now())]));
    },
    kbps: (slice) => looks.get(slice)?.kbps ?? null,
  };
}

function look(
  before: Look | undefined,
  { lease, counters: { sentBytes } }: Pick<MeteredSliver, 'lease' | 'counters'>,
  atMs: number,
): Look {
  const first = { lease, atMs, sentBytes, kbps: null };
  if (before?.lease !== lease || sentBytes < before.sentBytes || atMs < before.atMs) return first;
  const elapsedMs = atMs - before.atMs;
  if (elapsedMs < SECOND_MS) return before; // too short a time to tell a rate by
  return { ...first, kbps: Math.round(((sentBytes - before.sentBytes) * 8) / elapsedMs) };
}
