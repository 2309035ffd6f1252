/**
 * The driver that runs nothing: machines in memory, for tests, for hosts without containers, and for thousands of nodes.
 * It says so wherever it is shown. It must not know slices, leases, or the real drivers.
 */
export type { Clock } from './simulated-exec.ts';
export type { SimulatedVmmOptions } from './simulated-vmm.ts';
export { createSimulatedVmm } from './simulated-vmm.ts';
