/**
 * The lab's emulated wide-area network by itself: machines with places, the paths between them, and what carries packets.
 * For tests and measurements of networks; it must not know what runs on the machines.
 */
export type { LabLayout, LabNode, WanTopology } from '../layout.ts';
export { labLayout, wanTopology } from '../layout.ts';
export { ensureNetwork, freeSubnet, removeNetwork } from '../network.ts';
export { parsePing, pingArguments } from '../ping.ts';
export type { WanCounters } from './forward.ts';
export { runWan } from './run-wan.ts';
