/**
 * The driver for Linux containers: machines run by an OCI runtime (crun, or runc), each in its own user namespace.
 * It must not know slices, leases, images or networks: root and network of a machine are prepared by others.
 */
export type { FindRuntimeOptions } from './find-runtime.ts';
export { findRuntime } from './find-runtime.ts';
export type { OciLogger, OciRuntime, OciVmmOptions } from './oci-vmm.ts';
export { createOciVmm } from './oci-vmm.ts';
export type { RuntimeName } from './runtime-state.ts';
