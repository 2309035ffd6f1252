import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CommandRunner,
  cgroupLayout,
  isAlive,
  ownedCgroupPath,
  readCgroupHierarchies,
  removeCgroupTree,
  setTimeSlice,
  signal,
  timeSlice,
  waitForEnd,
  withTimeSlice,
} from '@planetlab/linux';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { notRunning } from '../not-running.ts';
import {
  isMachineId,
  type MachineId,
  type MachineLimits,
  type MachineSpec,
  type MachineStatus,
  type Vmm,
} from '../vmm.ts';
import { untilInitRuns } from './first-process.ts';
import { limitKernelObjects } from './kernel-objects.ts';
import { limitsSwap, machineCgroup } from './machine-cgroup.ts';
import { type HostFacts, ociConfig } from './oci-config.ts';
import { execInMachine } from './oci-exec.ts';
import {
  errorsInLog,
  folderNames,
  type RecordedMachine,
  type RuntimeName,
  type RuntimeState,
  readRecordedMachine,
} from './runtime-state.ts';

/** A runtime that was found to work on this host; see `findRuntime`. */
export interface OciRuntime {
  readonly name: RuntimeName;
  /** As others find it, also when this process is gone. */
  readonly path: string;
  /** What this process runs: the same, or its own copy of it. */
  readonly program: string;
  readonly version: string;
}

export interface OciVmmOptions {
  readonly runner: CommandRunner;
  readonly runtime: OciRuntime;
  /** Where the runtime keeps what runs. Lost at reboot like the machines, so below /run. Made when missing. */
  readonly runtimeRoot: string;
  /** Where each machine's configuration is. Made when missing. */
  readonly bundleRoot: string;
  /** cgroup of all machines of this driver, such as `planetlab-node1`; must begin with `planetlab`. */
  readonly cgroupParent: string;
  /** Absolute path of catatonit on the host. */
  readonly initPath: string;
  readonly logger?: OciLogger;
}

/** The part of a logger that the driver uses. */
export interface OciLogger {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Calls that change one machine must not overlap; everything else may. */
export function createOciVmm(options: OciVmmOptions): Vmm {
  ownedCgroupPath(options.cgroupParent);
  for (const folder of [options.runtimeRoot, options.bundleRoot]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return new OciVmm(options);
}

const KILL_TIMEOUT_MS = 10_000;
const STOP_POLL_MS = 10;
/** A turn of a prompt machine's programs: a fraction of the kernel's own. */
const PROMPT_US = 300;

class OciVmm implements Vmm {
  readonly driver = 'oci';
  readonly detail: string;
  readonly #options: OciVmmOptions;
  readonly #host: HostFacts;
  readonly #hierarchies = readCgroupHierarchies();
  /** Of machines that were made and not started yet. */
  readonly #limiting = new Map<MachineId, Promise<void>>();

  constructor(options: OciVmmOptions) {
    this.#options = options;
    this.detail = `${options.runtime.name} ${options.runtime.version}`;
    this.#host = {
      initPath: options.initPath,
      cgroupParent: options.cgroupParent,
      architecture: process.arch,
      openFilesLimit: openFilesLimit(readFileSync('/proc/self/limits', 'utf8')),
      boundsBelow: cgroupLayout(this.#hierarchies) === 'v2',
      limitsSwap: limitsSwap(this.#hierarchies),
      countsSocketsApart: cgroupLayout(this.#hierarchies) !== 'v2',
    };
  }

  async create(spec: MachineSpec): Promise<MachineStatus> {
    const existing = await this.status(spec.id);
    if (existing !== undefined && existing.state !== 'stopped') return existing;
    if (existing !== undefined) await this.destroy(spec.id);
    const bundle = this.#bundle(spec.id);
    mkdirSync(bundle, { mode: 0o700 });
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(spec, this.#host)), { mode: 0o600 });
    await this.#runtime(spec.id, ['create', '--no-new-keyring', '--bundle', bundle, spec.id]);
    const status = await this.status(spec.id);
    if (status?.pid === undefined) throw new PlanetLabError('step_failed', `${spec.id} ended while it was made.`);
    if (spec.limits.prompt === true) setTimeSlice(status.pid, PROMPT_US);
    void this.#limited(spec.id, status.pid).catch(() => {}); // goes on beside what comes next; `start` waits for it and tells
    return status;
  }

  /** Resolves when what root inside may have of the kernel's objects is limited: nothing of the machine's may run before. */
  #limited(id: MachineId, pid: number): Promise<void> {
    const known = this.#limiting.get(id) ?? limitKernelObjects(pid, this.#options.runner);
    this.#limiting.set(id, known);
    return known;
  }

  async start(id: MachineId): Promise<void> {
    const { state, pid } = await this.#existing(id);
    if (state === 'running' || state === 'paused') return;
    if (state === 'stopped') throw notRunning(id, 'has ended; create it again');
    if (pid === undefined) throw notRunning(id, 'has no process');
    // made by a manager that was killed, it may have no limits yet
    await this.#limited(id, pid).finally(() => this.#limiting.delete(id));
    await this.#runtime(id, ['start', id]);
    await untilInitRuns(pid);
  }

  async pause(id: MachineId): Promise<void> {
    const { state } = await this.#existing(id);
    if (state === 'paused') return;
    if (state !== 'running') throw notRunning(id, `is ${state}`);
    await this.#runtime(id, ['pause', id]);
  }

  async resume(id: MachineId): Promise<void> {
    const { state } = await this.#existing(id);
    if (state === 'running') return;
    if (state !== 'paused') throw notRunning(id, `is ${state}`);
    await this.#runtime(id, ['resume', id]);
  }

  async stop(id: MachineId, { graceMs }: { readonly graceMs: number }): Promise<void> {
    const { process: first } = this.#recorded(id);
    if (first === undefined) return;
    try {
      if (this.#cgroup(id).isFrozen()) await this.#runtime(id, ['resume', id]); // what is frozen cannot end itself
      await this.#askProcessesToEnd(id, first.pid, graceMs);
    } catch (error) {
      this.#options.logger?.warn({ machine: id, reason: messageOf(error) }, 'a machine is ended without being asked');
    }
    // the kernel ends everything else with the first process; that may have ended by itself, and its pid be another's
    if (isAlive(first.pid, first.startTime)) signal(first.pid, 'SIGKILL');
    await this.#ended(id, first);
  }

  async #ended(id: MachineId, { pid, startTime }: RuntimeState): Promise<void> {
    if (await waitForEnd(pid, startTime, KILL_TIMEOUT_MS)) return;
    throw new PlanetLabError('step_failed', `${id} does not end within ${KILL_TIMEOUT_MS} ms of being killed.`);
  }

  /** As an init does at shutdown: SIGTERM to everything but the first process, which only waits, and some time. Each is asked once, also who enters late. */
  async #askProcessesToEnd(id: MachineId, firstPid: number, graceMs: number): Promise<void> {
    const others = () =>
      this.#cgroup(id)
        .processes()
        .filter((pid) => pid !== firstPid);
    const deadline = performance.now() + graceMs;
    const asked = new Set<number>();
    for (let there = others(); there.length > 0; there = others()) {
      for (const pid of there) if (!asked.has(pid)) signal(pid, 'SIGTERM');
      for (const pid of there) asked.add(pid);
      if (performance.now() >= deadline) return;
      await delay(STOP_POLL_MS);
    }
  }

  async destroy(id: MachineId): Promise<void> {
    await this.#limiting.get(id)?.catch(() => {}); // its process must not be another's by then
    this.#limiting.delete(id);
    const { process: first } = this.#recorded(id);
    if (existsSync(this.#state(id))) {
      await this.#runtime(id, ['delete', '--force', id]).catch((error: unknown) => {
        // What is half-made or damaged the runtime does not know; the lines below remove it all the same.
        this.#options.logger?.warn({ machine: id, reason: messageOf(error) }, 'the runtime could not delete a machine');
      });
    }
    await removeCgroupTree(this.#cgroupPath(id));
    if (first !== undefined) await this.#ended(id, first);
    rmSync(this.#state(id), { recursive: true, force: true });
    rmSync(this.#bundle(id), { recursive: true, force: true });
  }

  async exec(id: MachineId, spec: Parameters<Vmm['exec']>[1]) {
    const first = await this.#running(id);
    const bundle = this.#bundle(id);
    // a program that is put into a machine is as prompt as those that began in it
    const prompt = first !== undefined && timeSlice(first) === PROMPT_US;
    const starting = <T>(start: () => T): T => (prompt ? withTimeSlice(PROMPT_US, start) : start());
    const command = [this.#options.runtime.program, '--root', this.#options.runtimeRoot] as const;
    return execInMachine({
      id,
      spec,
      bundle,
      runtime: this.#options.runtime.name,
      command,
      host: this.#host,
      starting,
    });
  }

  async stats(id: MachineId) {
    const { state } = await this.#existing(id);
    if (state === 'stopped') throw notRunning(id, 'is stopped');
    return this.#cgroup(id).stats();
  }

  async turn(id: MachineId) {
    return this.#cgroup(id).turn();
  }

  async putFirst(id: MachineId, mostMillis: number): Promise<void> {
    this.#cgroup(id).putFirst(mostMillis);
  }

  async putBack(id: MachineId, cpuShares: number): Promise<void> {
    this.#cgroup(id).putBack(cpuShares);
  }

  async update(id: MachineId, limits: MachineLimits): Promise<void> {
    const { state } = await this.#existing(id);
    if (state === 'stopped') throw notRunning(id, 'is stopped');
    try {
      this.#cgroup(id).setLimits(limits);
      const slice = limits.prompt === true ? PROMPT_US : 0;
      for (const pid of this.#cgroup(id).processes()) setTimeSlice(pid, slice);
    } catch (error) {
      // less memory than it holds, and that cannot be taken from it
      throw new PlanetLabError('step_failed', `The limits of ${id} cannot be set: ${messageOf(error)}.`, {
        cause: error,
      });
    }
  }

  async hasLimits(id: MachineId, limits: MachineLimits): Promise<boolean> {
    return this.#cgroup(id).hasLimits(limits);
  }

  async status(id: MachineId): Promise<MachineStatus | undefined> {
    if (!existsSync(this.#state(id)) && !existsSync(this.#bundle(id))) return undefined;
    const { process: first, waiting } = this.#recorded(id);
    if (first === undefined) return { id, state: 'stopped' };
    const state = waiting ? 'created' : this.#cgroup(id).isFrozen() ? 'paused' : 'running';
    return { id, state, pid: first.pid };
  }

  async ids(): Promise<readonly MachineId[]> {
    const { runtimeRoot, bundleRoot } = this.#options;
    return [...new Set([...folderNames(runtimeRoot), ...folderNames(bundleRoot)])].filter(isMachineId).sort();
  }

  async list(): Promise<readonly MachineStatus[]> {
    const all = await Promise.all((await this.ids()).map((id) => this.status(id)));
    return all.filter((status) => status !== undefined);
  }

  async #existing(id: MachineId): Promise<MachineStatus> {
    const status = await this.status(id);
    if (status === undefined) throw notRunning(id, 'does not exist');
    return status;
  }

  async #running(id: MachineId): Promise<number | undefined> {
    const { state, pid } = await this.#existing(id);
    if (state !== 'running') throw notRunning(id, `is ${state}`);
    return pid;
  }

  readonly #state = (id: MachineId): string => join(this.#options.runtimeRoot, id);
  readonly #bundle = (id: MachineId): string => join(this.#options.bundleRoot, id);
  readonly #cgroupPath = (id: MachineId): string => `${this.#options.cgroupParent}/${id}`;
  readonly #cgroup = (id: MachineId) => machineCgroup(this.#hierarchies, this.#cgroupPath(id));
  readonly #recorded = (id: MachineId): RecordedMachine =>
    readRecordedMachine(this.#options.runtime.name, this.#state(id));

  /** Runs the runtime; on failure its log has its words, because `create` must not pass on any of our descriptors. */
  async #runtime(id: MachineId, args: readonly string[]): Promise<void> {
    const { runner, runtime, runtimeRoot } = this.#options;
    const log = join(this.#options.bundleRoot, `${id}.log`);
    const argv = [runtime.program, '--root', runtimeRoot, '--log', log, '--log-format', 'json', ...args] as const;
    try {
      await runner.run({ argv: [...argv], detachOutput: true });
    } catch (error) {
      const words = errorsInLog(log) ?? messageOf(error);
      throw new PlanetLabError('step_failed', `${this.detail} could not ${args[0]} ${id}: ${words}`, { cause: error });
    } finally {
      rmSync(log, { force: true });
    }
  }
}

const FALLBACK_OPEN_FILES = 1024;
const MOST_OPEN_FILES = 1_048_576;

/** The hard limit of open files in `/proc/self/limits`. */
export function openFilesLimit(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return Math.min(MOST_OPEN_FILES, hard === 'unlimited' ? MOST_OPEN_FILES : Number(hard ?? FALLBACK_OPEN_FILES));
}
