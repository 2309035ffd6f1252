import { text } from 'node:stream/consumers';
import type { ExecProcess, ExecSpec, ExitStatus } from '../exec.ts';
import { asMachineId, type MachineId, type MachineLimits, type MachineSpec, type Vmm } from '../vmm.ts';

/** A driver to be tested, with whatever it needs. Disposing removes all of it, machines included. */
export interface VmmContext extends AsyncDisposable {
  readonly vmm: Vmm;
  /** Prepares a root (with sh, cat, echo, sleep, stty) and gives the specification of a machine on it. */
  makeSpec(id: MachineId): Promise<MachineSpec>;
  /** The driver as a restarted manager would open it. Absent where machines do not survive that. */
  reopen?(): Promise<Vmm>;
}

export type MakeContext = () => Promise<VmmContext>;

export const LIMITS: MachineLimits = { cpuShares: 1, memoryMiB: 128, processes: 64 };
export const MACHINE = asMachineId('conformance-1');
export const OTHER = asMachineId('conformance-2');

export async function startMachine({ vmm, makeSpec }: VmmContext, id = MACHINE): Promise<void> {
  await vmm.create(await makeSpec(id));
  await vmm.start(id);
}

export interface Outcome {
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: ExitStatus;
}

/** Runs a program to its end with `input`. */
export async function run(vmm: Vmm, argv: readonly string[], more: Partial<ExecSpec> = {}): Promise<Outcome> {
  const program = await vmm.exec(MACHINE, { ...more, argv });
  if (more.terminal === undefined) program.stdin.end();
  return outcome(program);
}

export async function outcome(program: ExecProcess): Promise<Outcome> {
  const [stdout, stderr, exit] = await Promise.all([text(program.stdout), text(program.stderr), program.exit]);
  return { stdout, stderr, exit };
}
