import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { removeFoldersBelow } from './folders-below.ts';
import { type MountEntry, parseMountTable } from './mount-table.ts';
import { isErrno, signal } from './processes.ts';
import { check, cLibrary } from './syscalls.ts';

/** `v2`: one unified hierarchy. `v1`: one per controller. `hybrid`: v1 plus a v2 hierarchy that holds some controllers. */
export type CgroupLayout = 'v2' | 'v1' | 'hybrid' | 'none';

export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** Controllers of a v1 hierarchy, its name if it has one included; empty for v2. */
  readonly controllers: readonly string[];
}

const V1_CONTROLLERS =
  /^(blkio|cpu|cpuacct|cpuset|devices|freezer|hugetlb|memory|misc|net_cls|net_prio|perf_event|pids|rdma|name=.+)$/;
const CGROUP_ROOT = '/sys/fs/cgroup';

/** The cgroup hierarchies that are mounted, each once. */
export function cgroupHierarchies(mounts: readonly MountEntry[]): readonly CgroupHierarchy[] {
  const hierarchies = new Map<string, CgroupHierarchy>();
  for (const { type, mountPoint, superOptions } of mounts) {
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    if (mountPoint !== CGROUP_ROOT && !mountPoint.startsWith(`${CGROUP_ROOT}/`)) continue; // some container's view
    const version = type === 'cgroup2' ? 2 : 1;
    const controllers = version === 2 ? [] : superOptions.filter((option) => V1_CONTROLLERS.test(option));
    const key = `${version} ${controllers.join(',')}`;
    if (!hierarchies.has(key)) hierarchies.set(key, { version, mountPoint, controllers });
  }
  return [...hierarchies.values()];
}

export function cgroupLayout(hierarchies: readonly CgroupHierarchy[]): CgroupLayout {
  const unified = hierarchies.find((hierarchy) => hierarchy.version === 2);
  const separate = hierarchies.some((hierarchy) => hierarchy.version === 1);
  if (unified !== undefined) return separate ? 'hybrid' : 'v2';
  return separate ? 'v1' : 'none';
}

export const readCgroupHierarchies = (): readonly CgroupHierarchy[] =>
  cgroupHierarchies(parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8')));

/** The folder of a cgroup in the hierarchy that has this controller, or undefined when none has. */
export function cgroupFolder(
  hierarchies: readonly CgroupHierarchy[],
  controller: string,
  relativePath: string,
): string | undefined {
  const hierarchy =
    hierarchies.find((each) => each.controllers.includes(controller)) ?? hierarchies.find((each) => each.version === 2);
  return hierarchy === undefined ? undefined : `${hierarchy.mountPoint}/${relativePath}`; // both are clean, and it is asked often
}

/** Whether crun would refuse this host: on a hybrid one it wants hugetlb as a v1 hierarchy whenever the kernel has it. */
export function lacksHugetlb(hierarchies: readonly CgroupHierarchy[], procCgroups: string): boolean {
  const inKernel = procCgroups.split('\n').some((line) => /^hugetlb\t/.test(line));
  return (
    cgroupLayout(hierarchies) === 'hybrid' && inKernel && !hierarchies.some((h) => h.controllers.includes('hugetlb'))
  );
}

/** Mounts the one hierarchy without which crun refuses a hybrid host. Never touches anything that is mounted already. */
export function ensureRuntimeCgroups(): void {
  if (!lacksHugetlb(readCgroupHierarchies(), readFileSync('/proc/cgroups', 'utf8'))) return;
  const target = `${CGROUP_ROOT}/hugetlb`;
  mkdirSync(target, { recursive: true });
  check(cLibrary().mount('none', target, 'cgroup', 0, 'hugetlb'), 'mount', `hugetlb cgroup at ${target}`);
}

/** Weight of an ordinary cgroup. */
const ORDINARY = { v1: 1024, v2: 100 };

/**
 * Sets the weight of a cgroup beside those next to it, 1 being an ordinary one's; makes it when it is missing. No effect
 * where processor time cannot be divided.
 */
export function setCpuWeight(relativePath: string, weight: number): void {
  const hierarchies = readCgroupHierarchies();
  const folder = cgroupFolder(hierarchies, 'cpu', ownedCgroupPath(relativePath));
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  if (cgroupLayout(hierarchies) === 'v2') enableBelow(dirname(folder), 'cpu');
  for (const [file, ordinary, most] of [
    ['cpu.shares', ORDINARY.v1, 262_144],
    ['cpu.weight', ORDINARY.v2, 10_000],
  ] as const) {
    const path = join(folder, file);
    if (existsSync(path)) writeFileSync(path, String(Math.min(most, Math.max(2, Math.round(ordinary * weight)))));
  }
}

export interface CgroupBounds {
  readonly memoryBytes: number;
  readonly processes: number;
}

/**
 * Puts a process, and whatever it starts from then on, into a cgroup with these bounds; makes it when it is missing. A
 * bound that the kernel cannot keep is left out.
 */
export function confineToCgroup(relativePath: string, pid: number, { memoryBytes, processes }: CgroupBounds): void {
  const hierarchies = readCgroupHierarchies();
  const path = ownedCgroupPath(relativePath);
  const unified = cgroupLayout(hierarchies) === 'v2';
  for (const [controller, file, bound] of [
    ['memory', unified ? 'memory.max' : 'memory.limit_in_bytes', memoryBytes],
    ['pids', 'pids.max', processes],
  ] as const) {
    const folder = cgroupFolder(hierarchies, controller, path);
    if (folder === undefined) continue;
    mkdirSync(folder, { recursive: true });
    if (unified) for (const above of ancestorsOf(folder)) enableBelow(above, controller);
    writeIfThere(join(folder, file), String(bound));
    writeFileSync(join(folder, 'cgroup.procs'), String(pid));
  }
}

/** The cgroups above one, from the root down. */
function ancestorsOf(folder: string): readonly string[] {
  const parent = dirname(folder);
  return folder === CGROUP_ROOT ? [] : [...ancestorsOf(parent), parent];
}

/** In the unified hierarchy, a cgroup has files of a controller only when the one above hands it on. */
function enableBelow(parent: string, controller: string): void {
  if (readOrEmpty(join(parent, 'cgroup.controllers')).split(/\s/).includes(controller))
    writeFileSync(join(parent, 'cgroup.subtree_control'), `+${controller}`);
}

const REMOVAL_DEADLINE_MS = 10_000;
const RETRY_MS = 5;

/**
 * Removes a cgroup with all below it from every hierarchy, after killing the processes that are still in it.
 * No effect when it is not there. Only paths that begin with `planetlab` are accepted: everything else on the host is
 * somebody else's.
 */
export async function removeCgroupTree(relativePath: string): Promise<void> {
  const folders = treeFolders(relativePath);
  if (folders.length === 0) return;
  await killCgroupTree(relativePath);
  const deadline = performance.now() + REMOVAL_DEADLINE_MS;
  for (const folder of folders) await removeFolder(folder, deadline);
}

/** Removes a cgroup from every hierarchy in which it holds neither processes nor others. */
export function removeEmptyCgroup(relativePath: string): void {
  for (const folder of treeFolders(relativePath)) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isErrno(error, 'EBUSY', 'ENOTEMPTY', 'ENOENT')) throw error; // it is used
    }
  }
}

/** Names of all cgroups that are below no other, in any hierarchy. */
export const topCgroups = (): readonly string[] => {
  const folders = readCgroupHierarchies().flatMap(({ mountPoint }) => childFolders(mountPoint));
  return [...new Set(folders.map((folder) => basename(folder)))];
};

async function removeFolder(folder: string, deadline: number): Promise<void> {
  while (existsSync(folder)) {
    try {
      removeFoldersBelow(folder);
      rmdirSync(folder);
    } catch (error) {
      // EBUSY: an ended process has not been collected yet; ENOENT: somebody else removes it too
      if (!isErrno(error, 'EBUSY', 'ENOENT') || performance.now() > deadline) throw error;
      await delay(RETRY_MS);
    }
  }
}

/** Kills every process in a cgroup and below it, frozen ones included, and waits until they are gone. */
export async function killCgroupTree(relativePath: string): Promise<void> {
  const folders = treeFolders(relativePath);
  const deadline = performance.now() + REMOVAL_DEADLINE_MS;
  while (folders.map(killOnce).includes(true)) {
    if (performance.now() > deadline) throw new Error(`processes in cgroup ${relativePath} do not end`);
    await delay(RETRY_MS);
  }
}

/** Kills what is in a cgroup folder and below it; whether anything was. */
function killOnce(folder: string): boolean {
  const kill = join(folder, 'cgroup.kill');
  if (existsSync(kill)) {
    // of v2, where root inside a machine may have made others below: it is not asked what is in those
    const populated = /^populated 1$/m.test(readOrEmpty(join(folder, 'cgroup.events')));
    if (populated) writeIfThere(kill, '1');
    return populated;
  }
  const pids = processesUnder(folder);
  for (const pid of pids) signal(pid, 'SIGKILL');
  thaw(folder);
  return pids.length > 0;
}

/**
 * Pids in a cgroup folder and all below it, as far as they are told: whoever may make cgroups below can make them so deep
 * that no path names them. What must end is ended by `killCgroupTree`.
 */
export function processesUnder(folder: string): readonly number[] {
  const own = readOrEmpty(join(folder, 'cgroup.procs'))
    .split('\n')
    .filter((line) => line !== '' && line !== '0') // 0: in a pid namespace that is not ours
    .map(Number);
  return [...own, ...childFolders(folder).flatMap(processesUnder)];
}

/** A process that a v1 freezer holds takes no signal, SIGKILL included. */
function thaw(folder: string): void {
  writeIfThere(join(folder, 'freezer.state'), 'THAWED');
  for (const below of childFolders(folder)) thaw(below);
}

function writeIfThere(file: string, text: string): void {
  try {
    if (existsSync(file)) writeFileSync(file, text);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error;
  }
}

const treeFolders = (relativePath: string): readonly string[] => {
  const path = ownedCgroupPath(relativePath);
  return readCgroupHierarchies()
    .map((hierarchy) => join(hierarchy.mountPoint, path))
    .filter((folder) => existsSync(folder));
};

/** The path when it is one that this platform may have made; throws otherwise. */
export function ownedCgroupPath(relativePath: string): string {
  const segments = relativePath.split('/');
  const clean = segments.every((segment) => /^[A-Za-z0-9_@.-]+$/.test(segment) && !/^\.+$/.test(segment));
  if (!clean || !relativePath.startsWith('planetlab')) {
    throw new RangeError(
      `refusing to touch cgroup ${JSON.stringify(relativePath)}: it does not begin with "planetlab"`,
    );
  }
  return relativePath;
}

function childFolders(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENAMETOOLONG')) return [];
    throw error;
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // ENOTSUP: threaded, so that its processes are those of the cgroup above
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENOTSUP', 'ENAMETOOLONG')) return '';
    throw error;
  }
}
