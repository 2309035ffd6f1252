import { mkdirSync, readFileSync, statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { ResourceSums } from '@planetlab/model';

/** What the host itself can tell. */
export type HostCapacity = Omit<ResourceSums, 'egressMinKbps'>;

const MIB = 1024 * 1024;
/** More threads than this a kernel has no ids for, whatever it says. */
const PID_LIMIT_FALLBACK = 32_768;

/** What this machine has: cores, memory, the file system that holds `folder`, and process ids. The rate of its link is not to be read: the configuration says it. */
export function readCapacity(folder: string): HostCapacity {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const disk = statfsSync(folder);
  return {
    cpuReservedMillis: availableParallelism() * 1000,
    memoryMiB: Math.floor(totalmem() / MIB),
    diskMiB: Math.floor((disk.blocks * disk.bsize) / MIB),
    processes: threadLimit(),
  };
}

function threadLimit(): number {
  const limits = ['/proc/sys/kernel/threads-max', '/proc/sys/kernel/pid_max'].map((path) => {
    try {
      return Number(readFileSync(path, 'utf8'));
    } catch {
      return PID_LIMIT_FALLBACK; // not Linux: only a simulation runs there
    }
  });
  return Math.min(...limits);
}
