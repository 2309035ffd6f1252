import type { ExecProcess, ExecSpec } from './exec.ts';

declare const machineId: unique symbol;
/** Name of a machine within its driver: lower-case letters, digits, `_`, `.`, `-`; at most 64 characters. */
export type MachineId = string & { readonly [machineId]: true };

export const isMachineId = (text: string): text is MachineId => /^[a-z0-9][a-z0-9_.-]{0,63}$/.test(text);

export function asMachineId(text: string): MachineId {
  if (!isMachineId(text)) throw new TypeError(`not a machine id: ${JSON.stringify(text)}`);
  return text;
}

export interface MachineLimits {
  /** Weight among machines; 1 is an ordinary one. Need not be whole. */
  readonly cpuShares: number;
  readonly memoryMiB: number;
  readonly processes: number;
  /** Its programs get their turn soon after they wake up, where the kernel can: for machines with a reservation. */
  readonly prompt?: boolean;
}

export interface MachineSpec {
  readonly id: MachineId;
  readonly hostname: string;
  /**
   * Absolute path of the prepared root file system; ids in it are already those of `idBase`. Every folder above it must
   * let others pass (mode 0711), because the machine's root comes there as somebody else.
   */
  readonly rootPath: string;
  /** First host uid and gid of this machine's own range; root inside is this id outside. */
  readonly idBase: number;
  /** Size of that range. */
  readonly idCount: number;
  readonly limits: MachineLimits;
  /** Absolute path of the host's resolver configuration to show inside, if any; readable, like its folders, by others. */
  readonly resolvConfPath?: string;
  /** Folders of the host to show inside, where nothing in them can be written; readable, like those above, by others. */
  readonly shownFolders?: readonly ShownFolder[];
  /**
   * What a driver needs that does not share the host's kernel, such as a kernel or a block device: absolute paths by names
   * that mean something to that driver alone. A driver takes the names it knows; it takes no notice of others.
   */
  readonly attachments?: Readonly<Record<string, string>>;
}

export interface ShownFolder {
  /** Absolute path on the host. It stays the same folder for as long as the machine is there. */
  readonly path: string;
  /** Absolute path in the machine. */
  readonly inside: string;
}

export interface MachineStatus {
  readonly id: MachineId;
  /** `created`: exists with its namespaces, not started. `stopped`: its first process has ended. */
  readonly state: 'created' | 'running' | 'paused' | 'stopped';
  /** Host pid of the machine's first process, where the driver has one and it is alive. */
  readonly pid?: number;
}

export interface MachineTurn {
  /** Processor time that the machine has used. */
  readonly cpuMs: number;
  /** Whether it goes before all others; see `putFirst`. */
  readonly first: boolean;
}

export interface MachineStats {
  readonly cpuMs: number;
  /** How long programs that could have run waited for a processor, or for memory to be given back; null where the kernel does not count it. */
  readonly cpuWaitedMs: number | null;
  readonly memoryWaitedMs: number | null;
  readonly memoryMiB: number;
  /** Most that it has ever used; null where the kernel does not count it. */
  readonly memoryPeakMiB: number | null;
  /** How often its memory limit made it give some back. */
  readonly memoryAtLimit: number;
  /** Programs that the kernel ended because that was not enough. */
  readonly memoryKills: number;
  readonly processes: number;
  /** How often a new process would have been one too many. */
  readonly processesRefused: number;
}

/**
 * A driver. Every operation is idempotent: doing it again, also after a crash in the middle of the first time, leads to the same end.
 * Failures are `PlanetLabError` with code `step_failed` (the tool's own words in the message), `command_not_found`, or `sliver_not_running`.
 */
export interface Vmm {
  /** `oci` or `simulated`; `detail` says more for people, such as `crun 1.8.1`. */
  readonly driver: string;
  readonly detail: string;
  /** Makes the machine with its namespaces and limits, not yet started. One that exists already in state `created` is left as it is. */
  create(spec: MachineSpec): Promise<MachineStatus>;
  /** Starts a created machine. No effect on a running one. */
  start(id: MachineId): Promise<void>;
  /** Freezes all its processes / lets them go on. */
  pause(id: MachineId): Promise<void>;
  resume(id: MachineId): Promise<void>;
  /** Asks the machine to end, and after `graceMs` makes it. It stays listed as `stopped`. */
  stop(id: MachineId, options: { readonly graceMs: number }): Promise<void>;
  /** Removes the machine and everything the driver made for it, in whatever state it is. No effect when it is not there. */
  destroy(id: MachineId): Promise<void>;
  exec(id: MachineId, spec: ExecSpec): Promise<ExecProcess>;
  stats(id: MachineId): Promise<MachineStats>;
  /** How the machine has its turn on the processors; undefined when it is not there. Cheap enough to be asked several times a second. */
  turn(id: MachineId): Promise<MachineTurn | undefined>;
  /**
   * Lets the machine go before all others on the processors. For as long as it does, it can compute no more than
   * `mostMillis` thousandths of a core: the kernel sees to that, also when nobody watches. `putBack` and `update` end it. No
   * effect where the kernel cannot.
   */
  putFirst(id: MachineId, mostMillis: number): Promise<void>;
  /** Puts the machine among the others again, with its weight, and takes its bound away. */
  putBack(id: MachineId, cpuShares: number): Promise<void>;
  /** Changes limits of a machine without a restart. */
  update(id: MachineId, limits: MachineLimits): Promise<void>;
  /** Whether the kernel has these limits for the machine. The weight of one that was put first is its own matter. Cheap: no process is started. */
  hasLimits(id: MachineId, limits: MachineLimits): Promise<boolean>;
  /** The machine as the kernel has it now, or undefined. Cheap: no process is started. */
  status(id: MachineId): Promise<MachineStatus | undefined>;
  /** Names of all machines in `list`, which is cheaper than how they are. */
  ids(): Promise<readonly MachineId[]>;
  /** All machines of this driver and node, also those that an earlier run of the manager made. */
  list(): Promise<readonly MachineStatus[]>;
}
