import { readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, loadavg } from 'node:os';
import type { NodeSensors } from '@planetlab/contract';
import { SECOND_MS } from '@planetlab/model';

/** What a host measures of itself; when, says who asks. */
export type HostSensors = Omit<NodeSensors, 'at'>;

/** Processor time of all cores since the machine's start, in ticks. */
export interface ProcessorTicks {
  readonly all: number;
  readonly idle: number;
}

/** The first line of `/proc/stat` (proc(5)): user nice system idle iowait irq softirq steal; guests are in user already. */
export function readProcessorTicks(stat: string): ProcessorTicks {
  const ticks = (stat.split('\n', 1)[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number);
  const [, , , idle = 0, waiting = 0] = ticks;
  return { all: ticks.reduce((sum, each) => sum + each, 0), idle: idle + waiting };
}

/** Between 0 and 1; 1 when no time has passed. */
export const idleShare = (before: ProcessorTicks, now: ProcessorTicks): number =>
  now.all > before.all ? Math.min(1, Math.max(0, (now.idle - before.idle) / (now.all - before.all))) : 1;

const MIB = 1024 * 1024;
/** Over less than this, a share says nothing: who asks again sooner gets the same. */
const LEAST_MS = 5 * SECOND_MS;

/** Reads two files and the file system that holds `folder`. Cheap enough to be asked by several. */
export function createSensors(folder: string, nowMs: () => number = () => performance.now()): () => HostSensors {
  const cores = availableParallelism();
  let before: ProcessorTicks = { all: 0, idle: 0 };
  let share = 1;
  let readAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    if (nowMs() - readAtMs >= LEAST_MS) {
      const now = readProcessorTicks(readFileSync('/proc/stat', 'utf8'));
      share = idleShare(before, now);
      before = now;
      readAtMs = nowMs();
    }
    const disk = statfsSync(folder);
    return {
      load: rounded((loadavg()[0] ?? 0) / cores),
      coresIdle: rounded(share * cores),
      memoryAvailableMiB: Math.floor(freemem() / MIB),
      diskAvailableMiB: Math.floor((disk.bavail * disk.bsize) / MIB),
    };
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
