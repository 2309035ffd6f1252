import type { ClassCounters } from '@planetlab/linux';
import { DAY_MS, type Egress, formatMiB, type LeaseId, type SliceName, toInstant } from '@planetlab/model';
import { ceilFor, type DailyUsage, isSlowed, usageAt } from './daily-volume.ts';

/** The count of one slice, as it is kept: also when its sliver is gone, until its day is over. */
export interface VolumeRecord extends DailyUsage {
  readonly slice: SliceName;
  /** Of the sliver whose class was read last, and what that class had counted. */
  readonly lease: LeaseId;
  readonly counterBytes: number;
  /** Whether its people were told that it is slowed, in this day. */
  readonly told: boolean;
}

export interface VolumeStore {
  volumes(): readonly VolumeRecord[];
  /** All or nothing, durable when it returns. */
  saveVolumes(records: readonly VolumeRecord[]): void;
  forgetVolumes(slices: readonly SliceName[]): void;
}

export interface MeteredSliver {
  readonly slice: SliceName;
  readonly lease: LeaseId;
  readonly egress: Egress;
  readonly counters: ClassCounters;
}

/** Counts what slivers send per day, over restarts of the manager and of the machine. */
export interface VolumeMeter {
  /** Takes what the kernel has counted by now. True when the highest rate of a sliver is another one than before. */
  take(slivers: readonly MeteredSliver[]): boolean;
  /** The highest rate now, in kbit/s. */
  ceilKbps(slice: SliceName, egress: Egress): number;
  usage(slice: SliceName): DailyUsage;
}

export interface VolumeMeterOptions {
  readonly store: VolumeStore;
  readonly now: () => number;
  /** Tells the people of a slice, once a day at most. */
  readonly tell: (slice: SliceName, message: string) => void;
}

export function createVolumeMeter({ store, now, tell }: VolumeMeterOptions): VolumeMeter {
  const records = new Map(store.volumes().map((record) => [record.slice, record]));
  /** Rates change when counts are taken and not in between, so that everybody sees the same. */
  let takenAtMs = now();

  const usage = (slice: SliceName): DailyUsage =>
    usageAt(records.get(slice) ?? { dayStartMs: takenAtMs, sentBytes: 0 }, takenAtMs);
  const ceilKbps = (slice: SliceName, egress: Egress) => ceilFor(usage(slice), egress, takenAtMs);

  /** Of slivers that are gone, once their day is over. One that is there goes on counting from what it had counted. */
  const forgetOver = (present: ReadonlySet<SliceName>) => {
    const over = [...records.values()]
      .filter(({ slice, dayStartMs }) => !present.has(slice) && takenAtMs - dayStartMs >= DAY_MS)
      .map(({ slice }) => slice);
    for (const slice of over) records.delete(slice);
    if (over.length > 0) store.forgetVolumes(over);
  };

  return {
    usage,
    ceilKbps,
    take(slivers) {
      const before = slivers.map(({ slice, egress }) => ceilKbps(slice, egress));
      takenAtMs = now();
      const changed = slivers.flatMap((sliver) => counted(records.get(sliver.slice), sliver, takenAtMs) ?? []);
      for (const record of changed) records.set(record.slice, record);
      const slowed = slivers.flatMap(({ slice, egress }) => {
        const record = records.get(slice);
        const isNew = record !== undefined && !record.told && isSlowed(usageAt(record, takenAtMs), egress);
        return isNew ? [{ egress, record: { ...record, told: true } }] : [];
      });
      const latest = [...changed, ...slowed.map(({ record }) => record)];
      store.saveVolumes([...new Map(latest.map((record) => [record.slice, record])).values()]);
      for (const { record, egress } of slowed) {
        records.set(record.slice, record); // not before it is written down: else nobody would be told in this day
        tell(record.slice, slowedMessage(usage(record.slice), egress, ceilKbps(record.slice, egress)));
      }
      forgetOver(new Set(slivers.map(({ slice }) => slice)));
      return slivers.some(({ slice, egress }, at) => ceilKbps(slice, egress) !== before[at]);
    },
  };
}

/** The new record of a sliver, or undefined when it has sent nothing. */
function counted(before: VolumeRecord | undefined, sliver: MeteredSliver, nowMs: number): VolumeRecord | undefined {
  const { slice, lease, counters } = sliver;
  const known = before?.lease === lease && counters.sentBytes >= before.counterBytes ? before.counterBytes : 0;
  const sentBytes = counters.sentBytes - known;
  if (sentBytes === 0) return undefined;
  const day = before === undefined ? { dayStartMs: nowMs, sentBytes: 0 } : usageAt(before, nowMs);
  const sameDay = before !== undefined && day.sentBytes === before.sentBytes;
  return {
    slice,
    lease,
    counterBytes: counters.sentBytes,
    dayStartMs: day.dayStartMs,
    sentBytes: day.sentBytes + sentBytes,
    told: sameDay && before.told,
  };
}

const slowedMessage = ({ dayStartMs }: DailyUsage, { dailyMiB, minKbps }: Egress, kbps: number): string =>
  `It has sent 80 % of the ${formatMiB(dailyMiB)} that it may send in a day. Until ${toInstant(dayStartMs + DAY_MS)} it is slowed so that the rest lasts: to ${kbps} kbit/s now, and never below its ${minKbps} kbit/s.`;
