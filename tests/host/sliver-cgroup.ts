import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupFolder, cgroupLayout, processesUnder, readCgroupHierarchies } from '@planetlab/linux';

/** What the kernel has of a sliver or of the node's sshd, under the names of whichever cgroup layout this host has. */
export interface NodeCgroup {
  /** Folder in the hierarchy of a controller. */
  folder(controller: string): string;
  exists(): boolean;
  pids(): readonly number[];
  /** In weights of an ordinary sliver; the unified layout has only some 10,000 steps. */
  cpuWeight(): number;
  /** Whether it may use no more processor time than so much, also when there is more. */
  cpuBounded(): boolean;
  memoryLimitBytes(): number;
  memoryBytes(): number;
  processLimit(): number;
  processes(): number;
}

/** An ordinary sliver's shares, and how the unified layout counts them: 1 to 10,000 for 2 to 262,144. */
const ORDINARY_SHARES = 1024;
const sharesOf = (weight: number): number => 2 + ((weight - 1) * 262_142) / 9999;

/** Numbers are NaN where there is no such cgroup (any more). */
export const sliverCgroup = (tag: string, slice: string): NodeCgroup => cgroupAt(`planetlab/${tag}/${slice}`);
export const sshCgroup = (tag: string): NodeCgroup => cgroupAt(`planetlab/${tag}-sshd`);

function cgroupAt(path: string): NodeCgroup {
  const hierarchies = readCgroupHierarchies();
  const unified = cgroupLayout(hierarchies) === 'v2';
  const folder = (controller: string) => cgroupFolder(hierarchies, controller, path) ?? '';
  const number = (controller: string, v1: string, v2: string): number => {
    const file = join(folder(controller), unified ? v2 : v1);
    return existsSync(file) ? Number(readFileSync(file, 'utf8')) : Number.NaN;
  };
  return {
    folder,
    exists: () => existsSync(folder('pids')),
    pids: () => processesUnder(folder('pids')),
    cpuWeight() {
      const value = number('cpu', 'cpu.shares', 'cpu.weight');
      return (unified ? sharesOf(value) : value) / ORDINARY_SHARES;
    },
    cpuBounded() {
      const file = join(folder('cpu'), unified ? 'cpu.max' : 'cpu.cfs_quota_us');
      return /^\d/.test(readFileSync(file, 'utf8')); // free: `max` or -1
    },
    memoryLimitBytes: () => number('memory', 'memory.limit_in_bytes', 'memory.max'),
    memoryBytes: () => number('memory', 'memory.usage_in_bytes', 'memory.current'),
    processLimit: () => number('pids', 'pids.max', 'pids.max'),
    processes: () => number('pids', 'pids.current', 'pids.current'),
  };
}
