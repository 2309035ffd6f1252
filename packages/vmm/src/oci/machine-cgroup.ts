import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CgroupHierarchy, cgroupFolder, cgroupLayout, isErrno, processesUnder } from '@planetlab/linux';
import type { MachineStats } from '../vmm.ts';

/** A machine's cgroup, read in whichever layout the host has. */
export interface MachineCgroup {
  isFrozen(): boolean;
  stats(): MachineStats;
  /** Host pids of everything that runs in it. */
  processes(): readonly number[];
}

const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;
const MIB = 1024 * 1024;

export function machineCgroup(hierarchies: readonly CgroupHierarchy[], relativePath: string): MachineCgroup {
  const read = (controller: string, file: string): string => {
    const folder = cgroupFolder(hierarchies, controller, relativePath);
    return folder === undefined ? '' : readOrEmpty(join(folder, file));
  };
  const processes = () => {
    const folder = cgroupFolder(hierarchies, 'pids', relativePath);
    return folder === undefined ? [] : processesUnder(folder);
  };
  const unified = cgroupLayout(hierarchies) === 'v2';
  return unified
    ? {
        processes,
        isFrozen: () => keyedNumber(read('', 'cgroup.events'), 'frozen') === 1,
        stats: () => ({
          cpuMs: keyedNumber(read('', 'cpu.stat'), 'usage_usec') / US_PER_MS,
          memoryMiB: inUse(read('', 'memory.current'), read('', 'memory.stat'), 'inactive_file'),
          processes: Number(read('', 'pids.current')),
        }),
      }
    : {
        processes,
        isFrozen: () => /^FR(EEZING|OZEN)/.test(read('freezer', 'freezer.state')),
        stats: () => ({
          cpuMs: Number(read('cpuacct', 'cpuacct.usage')) / NS_PER_MS,
          memoryMiB: inUse(
            read('memory', 'memory.usage_in_bytes'),
            read('memory', 'memory.stat'),
            'total_inactive_file',
          ),
          processes: Number(read('pids', 'pids.current')),
        }),
      };
}

/** Memory without what the kernel would give back at once: files read long ago. */
const inUse = (usage: string, stat: string, reclaimableKey: string): number =>
  Math.max(0, Number(usage) - keyedNumber(stat, reclaimableKey)) / MIB;

/** The number after a key in a file of `key number` lines; 0 when it is not there. */
export function keyedNumber(text: string, key: string): number {
  const line = text.split('\n').find((each) => each.startsWith(`${key} `));
  return line === undefined ? 0 : Number(line.slice(key.length + 1));
}

/** A machine without a cgroup (any more) uses nothing and is not frozen. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV')) return '';
    throw error;
  }
}
