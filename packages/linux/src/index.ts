/**
 * What a Linux host is asked to do: run commands, namespaces, links, mounts, nftables, cgroups, TUN, probes.
 * It knows nothing of PlanetLab: no slices, no leases, no policy.
 */
export { HangingCallError } from './aside.ts';
export type { AttachedNetworks } from './attached-networks.ts';
export { attachedNetworks } from './attached-networks.ts';
export type { SubvolumeUse } from './btrfs.ts';
export { createSubvolume, enableQuotas, limitSubvolume, subvolumeUse } from './btrfs.ts';
export type { CgroupBounds, CgroupHierarchy, CgroupLayout } from './cgroups.ts';
export {
  cgroupFolder,
  cgroupLayout,
  confineToCgroup,
  ensureRuntimeCgroups,
  killCgroupTree,
  ownedCgroupPath,
  processesUnder,
  readCgroupHierarchies,
  removeCgroupTree,
  removeEmptyCgroup,
  setCpuWeight,
} from './cgroups.ts';
export type { Command, CommandResult, CommandRunner } from './command.ts';
export { CommandError, systemRunner } from './command.ts';
export type { DescriptorListener } from './descriptors.ts';
export { duplicateDescriptor, listenForDescriptor } from './descriptors.ts';
export { fileLockOwner, tryLockFile } from './file-lock.ts';
export { countFlows } from './flows.ts';
export type { Forwarding } from './forwarding.ts';
export { readForwarding, setForwarding } from './forwarding.ts';
export type { RoutedVeth } from './links.ts';
export { createRoutedVeth, defaultRouteDevice, deleteLink, hasLink, listLinks } from './links.ts';
export { sealedCopy } from './memory-file.ts';
export type { IdMappedMount, OverlayMount } from './mounts.ts';
export {
  bindMountIdMapped,
  ensurePrivateMountPoint,
  isMountPoint,
  mountOverlay,
  mountsUnder,
  prepareOverlayFolders,
  unmount,
  unmountAside,
  unmountUnder,
} from './mounts.ts';
export {
  createNetworkNamespace,
  deleteNetworkNamespace,
  inNamespace,
  listNetworkNamespaces,
  namespacePath,
  withNetworkNamespace,
} from './namespaces.ts';
export type { TableFamily } from './nftables.ts';
export { applyRuleset, deleteTable, deletionOf, readCounterSet } from './nftables.ts';
export type { Pipe } from './pipes.ts';
export { createPipe } from './pipes.ts';
export type { Feature, FeatureName } from './probe.ts';
export { probeHost, removeProbeLeftovers } from './probe.ts';
export type { ProcessStat } from './processes.ts';
export {
  findProcessesByEnvironment,
  findProgram,
  isAlive,
  isErrno,
  listPids,
  processStartTime,
  processStat,
  signal,
  signalAndWait,
  waitForEnd,
} from './processes.ts';
export type { ProjectUse } from './project-quota.ts';
export { limitProject, projectOf, projectUse, setProject } from './project-quota.ts';
export { setTimeSlice, timeSlice, withTimeSlice } from './scheduling.ts';
export type { WatchdogEnvironment } from './service-watchdog.ts';
export { startServiceWatchdog } from './service-watchdog.ts';
export { enlargeSharedTables } from './shared-tables.ts';
export type { ListeningSocket } from './sockets.ts';
export { listeningSockets } from './sockets.ts';
export type { SpawnedProcess } from './spawn.ts';
export { spawnProcess } from './spawn.ts';
export { SystemCallError } from './syscalls.ts';
export type { ClassCounters, ShapedClass, ShapingTree } from './tc.ts';
export {
  applyTc,
  classId,
  classLines,
  classRemoval,
  deleteTree,
  hasTree,
  readClassCounters,
  treeCreation,
  treeRate,
} from './tc.ts';
export type { CharacterSize } from './terminals.ts';
export { makeTerminalRaw, setTerminalSize } from './terminals.ts';
export type { TreeRemover } from './trees.ts';
export { createTreeRemover, REMOVING } from './trees.ts';
export type { PollSet, TunOptions } from './tun.ts';
export { createPollSet, isReadable, openTun, pollReadable, readPacket, writePacket } from './tun.ts';
export type { VolumeImages } from './volume-images.ts';
export {
  createVolumeImages,
  growVolumeImage,
  imageSizeMiB,
  mayGrowVolumes,
  mountVolumeImage,
  tryVolumeImage,
} from './volume-images.ts';
