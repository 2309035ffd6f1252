/**
 * The virtual machine monitor interface (requirement N5): what a node needs of whatever runs its slivers.
 * It knows machines, roots and limits; it must not know slices, leases, policy, or how roots and networks are prepared.
 * Drivers: `@planetlab/vmm/oci`, `@planetlab/vmm/simulated`. `@planetlab/vmm/conformance` holds what all of them promise.
 */
export type { ExecProcess, ExecSpec, ExitStatus, TerminalSize } from './exec.ts';
export type { MachineId, MachineLimits, MachineSpec, MachineStats, MachineStatus, MachineTurn, Vmm } from './vmm.ts';
export { asMachineId, isMachineId } from './vmm.ts';
