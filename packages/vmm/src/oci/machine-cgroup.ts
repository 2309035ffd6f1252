import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { type CgroupHierarchy, cgroupFolder, cgroupLayout, isErrno, processesUnder } from '@planetlab/linux';
import type { MachineLimits, MachineStats, MachineTurn } from '../vmm.ts';
import { endFirst, isFirst, putFirst } from './first-turn.ts';
import { cpuShares, MOST_CGROUPS_BELOW, memoryBytes } from './oci-config.ts';

/** A machine's cgroup, read in whichever layout the host has. */
export interface MachineCgroup {
  isFrozen(): boolean;
  stats(): MachineStats;
  /** Undefined when there is no such cgroup. */
  turn(): MachineTurn | undefined;
  putFirst(mostMillis: number): void;
  putBack(cpuShares: number): void;
  /** Host pids of everything that runs in it. */
  processes(): readonly number[];
  /** Whether the kernel has these limits, as far as it can limit anything. */
  hasLimits(limits: MachineLimits): boolean;
  /** Sets them, and ends its being first: written straight to the kernel's files, which takes no process. */
  setLimits(limits: MachineLimits): void;
}

const NS_PER_MS = 1e6;
const US_PER_MS = 1e3;
const MIB = 1024 * 1024;

export function machineCgroup(hierarchies: readonly CgroupHierarchy[], relativePath: string): MachineCgroup {
  const read = (controller: string, file: string): string => {
    const folder = cgroupFolder(hierarchies, controller, relativePath);
    return folder === undefined ? '' : readOrEmpty(`${folder}/${file}`);
  };
  const processes = () => {
    const folder = cgroupFolder(hierarchies, 'pids', relativePath);
    return folder === undefined ? [] : processesUnder(folder);
  };
  const unified = cgroupLayout(hierarchies) === 'v2';
  const files = unified ? V2_LIMITS : V1_LIMITS;
  const write = (controller: string, file: string, value: string) => {
    const folder = cgroupFolder(hierarchies, controller, relativePath);
    const path = `${folder}/${file}`;
    if (folder !== undefined && existsSync(path)) writeFileSync(path, value);
  };
  const cpu = { read: read.bind(undefined, 'cpu'), write: write.bind(undefined, 'cpu') };
  const limiting = {
    hasLimits(limits: MachineLimits) {
      const first = isFirst(cpu, unified);
      if (first && limits.prompt !== true) return false;
      return files.every(
        ({ controller, file, value }) =>
          (first && controller === 'cpu') || ['', value(limits)].includes(read(controller, file).trim()),
      );
    },
    setLimits(limits: MachineLimits) {
      const more = Number(read('memory', unified ? 'memory.max' : MEMORY_V1)) < memoryBytes(limits);
      for (const { controller, file, value } of more ? files.toReversed() : files)
        write(controller, file, value(limits));
      endFirst(cpu, unified);
    },
    putFirst: (mostMillis: number) => putFirst(cpu, unified, mostMillis),
    putBack(cpuShares: number) {
      const { controller, file, value } = unified ? WEIGHT : SHARES;
      write(controller, file, value({ cpuShares }));
      endFirst(cpu, unified);
    },
  };
  return {
    ...limiting,
    processes,
    isFrozen: () => (unified ? isFrozenV2 : isFrozenV1)(read),
    turn() {
      const cpuMs = (unified ? cpuMsV2 : cpuMsV1)(read);
      return cpuMs === undefined ? undefined : { cpuMs, first: isFirst(cpu, unified) };
    },
    stats: () => (unified ? statsV2 : statsV1)(read),
  };
}

/** The text of a controller's file; '' where there is none. */
type Read = (controller: string, file: string) => string;

/** As asked for; cgroup.events says when the last program is. */
const isFrozenV2 = (read: Read): boolean => read('', 'cgroup.freeze').trim() === '1';
const isFrozenV1 = (read: Read): boolean => /^FR(EEZING|OZEN)/.test(read('freezer', 'freezer.state'));

const cpuMsV2 = (read: Read) => scaled(/^usage_usec (\d+)$/m.exec(read('', 'cpu.stat'))?.[1], US_PER_MS);
const cpuMsV1 = (read: Read) => scaled(/\d+/.exec(read('cpuacct', 'cpuacct.usage'))?.[0], NS_PER_MS);

const statsV2 = (read: Read): MachineStats => ({
  cpuMs: cpuMsV2(read) ?? 0,
  cpuWaitedMs: pressureMs(read('', 'cpu.pressure')),
  memoryWaitedMs: pressureMs(read('', 'memory.pressure')),
  memoryMiB: inUse(read('', 'memory.current'), read('', 'memory.stat'), 'inactive_file'),
  memoryPeakMiB: mebibytes(read('', 'memory.peak')),
  memoryAtLimit: keyedNumber(read('', 'memory.events'), 'max'),
  memoryKills: keyedNumber(read('', 'memory.events'), 'oom_kill'),
  processes: Number(read('', 'pids.current')),
  processesRefused: keyedNumber(read('', 'pids.events'), 'max'),
});

const statsV1 = (read: Read): MachineStats => ({
  cpuMs: cpuMsV1(read) ?? 0,
  ...{ cpuWaitedMs: null, memoryWaitedMs: null }, // counted in the unified layout only
  memoryMiB: inUse(read('memory', 'memory.usage_in_bytes'), read('memory', 'memory.stat'), 'total_inactive_file'),
  memoryPeakMiB: mebibytes(read('memory', 'memory.max_usage_in_bytes')),
  // with swap ruled out the kernel meets the limit of both together first
  memoryAtLimit: Number(read('memory', 'memory.failcnt')) + Number(read('memory', 'memory.memsw.failcnt')),
  memoryKills: keyedNumber(read('memory', 'memory.oom_control'), 'oom_kill'),
  processes: Number(read('pids', 'pids.current')),
  processesRefused: keyedNumber(read('pids', 'pids.events'), 'max'),
});

interface LimitFile<Limits = MachineLimits> {
  readonly controller: string;
  readonly file: string;
  readonly value: (limits: Limits) => string;
}

type Weight = Pick<MachineLimits, 'cpuShares'>;
const SHARES: LimitFile<Weight> = {
  ...{ controller: 'cpu', file: 'cpu.shares' },
  value: (limits) => String(cpuShares(limits.cpuShares)),
};
const WEIGHT: LimitFile<Weight> = {
  ...{ controller: 'cpu', file: 'cpu.weight' },
  value: (limits) => String(cpuWeight(cpuShares(limits.cpuShares))),
};

const PIDS: LimitFile = { controller: 'pids', file: 'pids.max', value: ({ processes }) => String(processes) };

const bytesOf = (limits: MachineLimits): string => String(memoryBytes(limits));
const MEMORY_V1 = 'memory.limit_in_bytes';
/** Memory and swap together: none of it is swap. Absent where the kernel does not count swap. */
const WITH_SWAP_V1 = 'memory.memsw.limit_in_bytes';

/** Written in this order when memory becomes less, and from the last to the first when it becomes more: the kernel never takes more memory than memory and swap together. */
const V1_LIMITS: readonly LimitFile[] = [
  SHARES,
  { controller: 'memory', file: MEMORY_V1, value: bytesOf },
  { controller: 'memory', file: WITH_SWAP_V1, value: bytesOf },
  PIDS,
];

const V2_LIMITS: readonly LimitFile[] = [
  WEIGHT,
  { controller: 'memory', file: 'memory.max', value: bytesOf },
  { controller: 'memory', file: 'memory.swap.max', value: () => '0' }, // counted by itself
  PIDS,
  // a machine may run since before there was this bound
  { controller: '', file: MOST_CGROUPS_BELOW.file, value: () => MOST_CGROUPS_BELOW.value },
];

/** Whether the swap of a cgroup can be bounded: the unified layout always can, as far as the kernel counts swap. */
export function limitsSwap(hierarchies: readonly CgroupHierarchy[]): boolean {
  if (cgroupLayout(hierarchies) === 'v2') return true;
  const folder = cgroupFolder(hierarchies, 'memory', '');
  return folder !== undefined && existsSync(`${folder}/${WITH_SWAP_V1}`);
}

/** The weight of cgroup v2 (1 to 10,000) for shares of v1 (2 to 262,144), as runtimes convert it. */
export const cpuWeight = (shares: number): number => 1 + Math.floor(((shares - 2) * 9999) / 262_142);

const scaled = (digits: string | undefined, unit: number): number | undefined =>
  digits === undefined ? undefined : Number(digits) / unit;

const mebibytes = (bytes: string): number | null => (bytes.trim() === '' ? null : Number(bytes) / MIB);

/** Time in which some program waited, from a file of pressure; null where the kernel has none. */
function pressureMs(text: string): number | null {
  const total = /^some .*\btotal=(\d+)$/m.exec(text)?.[1];
  return total === undefined ? null : Number(total) / US_PER_MS;
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
