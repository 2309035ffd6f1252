/**
 * The node manager: admission, leases, slivers, images, logins, and the node's API over its uplink and directly.
 * It must not know the PLC or any broker beyond the contract: they are clients of its API like everyone else.
 */
export { NodeConfig, readConfig } from './config.ts';
export { faultPointFrom } from './fault-point.ts';
export type { JoinOptions } from './identity/join.ts';
export { joinAuthority } from './identity/join.ts';
export type { BuildOptions } from './images/build.ts';
export { buildImage } from './images/build.ts';
export type { ImageStore } from './images/image-store.ts';
export { createImageStore } from './images/image-store.ts';
export type { ImportOptions } from './images/import.ts';
export { importImage } from './images/import.ts';
export { type AdminClient, adminClient } from './local/admin-client.ts';
export { adminWithoutManager } from './local/without-manager.ts';
export type { NodeManager, NodeManagerOptions } from './node-manager.ts';
export { startNodeManager } from './node-manager.ts';
export { haltNode, purgeNode } from './purge.ts';
export { STEP_KINDS } from './slivers/executors.ts';
export type { LocalStatus } from './status.ts';
export { localStatus, managerPid } from './status.ts';
export { DURABLE_WRITES } from './store/durable-store.ts';
