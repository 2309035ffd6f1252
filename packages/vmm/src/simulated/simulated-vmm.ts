import { setTimeout as delay } from 'node:timers/promises';
import { PlanetLabError } from '@planetlab/model';
import type { ExecProcess, ExecSpec } from '../exec.ts';
import { notRunning } from '../not-running.ts';
import type { MachineId, MachineLimits, MachineSpec, MachineStats, MachineStatus, MachineTurn, Vmm } from '../vmm.ts';
import { type Clock, execSimulated } from './simulated-exec.ts';

export interface SimulatedVmmOptions {
  /** Real time by default. */
  readonly clock?: Clock;
  /** Round-trip time that `ping` shows for an address; without it, or when it gives undefined, nothing answers. */
  readonly rttMs?: (address: string) => number | undefined;
  /** Files that a machine is shown, by their path on the host; without it there are none. */
  readonly readFile?: (path: string) => string | undefined;
}

/** A driver that keeps machines in memory and runs a handful of programs by imitation. Everything is lost with the process. */
export function createSimulatedVmm(options: SimulatedVmmOptions = {}): Vmm {
  return new SimulatedVmm(options);
}

const realClock: Clock = {
  now: () => performance.now(),
  delay: (ms, signal) => delay(ms, undefined, { signal }),
};

interface Machine {
  readonly spec: MachineSpec;
  readonly running: Set<ExecProcess>;
  state: MachineStatus['state'];
  limits: MachineLimits;
  first: boolean;
}

class SimulatedVmm implements Vmm {
  readonly driver = 'simulated';
  readonly detail = 'simulated: no process is run';
  readonly #machines = new Map<MachineId, Machine>();
  readonly #clock: Clock;
  readonly #rttMs: (address: string) => number | undefined;
  readonly #readFile: (path: string) => string | undefined;

  constructor({ clock = realClock, rttMs = () => undefined, readFile = () => undefined }: SimulatedVmmOptions) {
    this.#clock = clock;
    this.#rttMs = rttMs;
    this.#readFile = readFile;
  }

  async create(spec: MachineSpec): Promise<MachineStatus> {
    const existing = this.#machines.get(spec.id);
    if (existing !== undefined && existing.state !== 'stopped') return { id: spec.id, state: existing.state };
    this.#machines.set(spec.id, { spec, running: new Set(), state: 'created', limits: spec.limits, first: false });
    return { id: spec.id, state: 'created' };
  }

  async start(id: MachineId): Promise<void> {
    const machine = this.#existing(id);
    if (machine.state === 'stopped') throw notRunning(id, 'has ended; create it again');
    if (machine.state === 'created') machine.state = 'running';
  }

  async pause(id: MachineId): Promise<void> {
    this.#existingIn(id, ['running', 'paused']).state = 'paused';
  }

  async resume(id: MachineId): Promise<void> {
    this.#existingIn(id, ['running', 'paused']).state = 'running';
  }

  async stop(id: MachineId): Promise<void> {
    const machine = this.#machines.get(id);
    if (machine === undefined) return;
    machine.state = 'stopped';
    for (const program of machine.running) program.kill();
    await Promise.all([...machine.running].map((program) => program.exit));
  }

  async destroy(id: MachineId): Promise<void> {
    await this.stop(id);
    this.#machines.delete(id);
  }

  async exec(id: MachineId, spec: ExecSpec): Promise<ExecProcess> {
    const machine = this.#existingIn(id, ['running']);
    if (spec.argv.length === 0) throw new PlanetLabError('malformed_request', 'A program needs at least its name.');
    const { hostname, shownFolders = [] } = machine.spec;
    const readFile = (path: string) => {
      const shown = shownFolders.find(({ inside }) => path.startsWith(`${inside}/`));
      return shown === undefined ? undefined : this.#readFile(shown.path + path.slice(shown.inside.length));
    };
    const program = execSimulated({ spec, hostname, clock: this.#clock, rttMs: this.#rttMs, readFile });
    machine.running.add(program);
    void program.exit.then(() => machine.running.delete(program));
    return program;
  }

  async stats(id: MachineId): Promise<MachineStats> {
    const machine = this.#existingIn(id, ['created', 'running', 'paused']);
    const processes = 1 + machine.running.size;
    return {
      ...{ cpuWaitedMs: null, memoryWaitedMs: null },
      ...{ cpuMs: 0, memoryMiB: 0, memoryPeakMiB: null, memoryAtLimit: 0, memoryKills: 0 },
      ...{ processes, processesRefused: 0 },
    };
  }

  async hasLimits(id: MachineId, { cpuShares, memoryMiB, processes, prompt }: MachineLimits): Promise<boolean> {
    const machine = this.#machines.get(id);
    if (machine?.limits.memoryMiB !== memoryMiB || machine.limits.processes !== processes) return false;
    return machine.first ? prompt === true : machine.limits.cpuShares === cpuShares;
  }

  async turn(id: MachineId): Promise<MachineTurn | undefined> {
    const machine = this.#machines.get(id);
    return machine === undefined || machine.state === 'stopped' ? undefined : { cpuMs: 0, first: machine.first };
  }

  async putFirst(id: MachineId): Promise<void> {
    this.#existingIn(id, ['created', 'running', 'paused']).first = true;
  }

  async putBack(id: MachineId, cpuShares: number): Promise<void> {
    const machine = this.#existingIn(id, ['created', 'running', 'paused']);
    Object.assign(machine, { first: false, limits: { ...machine.limits, cpuShares } });
  }

  async update(id: MachineId, limits: MachineLimits): Promise<void> {
    Object.assign(this.#existingIn(id, ['created', 'running', 'paused']), { limits, first: false });
  }

  async status(id: MachineId): Promise<MachineStatus | undefined> {
    const machine = this.#machines.get(id);
    return machine === undefined ? undefined : { id, state: machine.state };
  }

  async ids(): Promise<readonly MachineId[]> {
    return [...this.#machines.keys()].sort();
  }

  async list(): Promise<readonly MachineStatus[]> {
    return [...this.#machines].map(([id, { state }]) => ({ id, state })).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #existing(id: MachineId): Machine {
    const machine = this.#machines.get(id);
    if (machine === undefined) throw notRunning(id, 'does not exist');
    return machine;
  }

  #existingIn(id: MachineId, states: readonly MachineStatus['state'][]): Machine {
    const machine = this.#existing(id);
    if (!states.includes(machine.state)) throw notRunning(id, `is ${machine.state}`);
    return machine;
  }
}
