import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  applyRuleset,
  applyTc,
  bindMountIdMapped,
  type CommandRunner,
  cgroupFolder,
  classRemoval,
  countFlows,
  createRoutedVeth,
  createTreeRemover,
  deleteLink,
  deleteTable,
  deleteTree,
  enlargeSharedTables,
  ensurePrivateMountPoint,
  hasLink,
  hasTree,
  isErrno,
  isMountPoint,
  listLinks,
  mountOverlay,
  mountsUnder,
  prepareOverlayFolders,
  probeHost,
  readCgroupHierarchies,
  readClassCounters,
  readCounterSet,
  removeCgroupTree,
  removeEmptyCgroup,
  removeProbeLeftovers,
  type ShapingTree,
  SystemCallError,
  setCpuWeight,
  treeCreation,
  unmountAside,
  unmountUnder,
} from '@planetlab/linux';
import { DAY_MS, SECOND_MS, SliceName } from '@planetlab/model';
import { makeDurable, readOptional, replaceFile, replaceReadable, writeFileAtomic } from '../files.ts';
import { NODE_MINOR } from '../network/shaping.ts';
import { linkIndex, linkName, type NodeNames, type NodePaths, volumePaths } from '../paths.ts';
import { ABOUT_FILE } from '../slivers/about.ts';
import { type AddressPlan, addressesOf, GATEWAY_IPV4, GATEWAY_IPV6, IDS_PER_SLIVER } from '../slivers/addresses.ts';
import type { DesiredSliver } from '../slivers/steps.ts';
import { readCapacity } from './capacity.ts';
import { passOn, passOnAsBefore } from './forwarding.ts';
import type { Host } from './host.ts';
import { waitForOrphans } from './orphans.ts';
import { createSensors, type HostSensors } from './sensors.ts';
import { settleAddresses } from './settle-addresses.ts';
import { createVolumes, type DiskBound, type Volumes } from './volumes.ts';

export interface LinuxHostOptions {
  readonly paths: NodePaths;
  readonly names: NodeNames;
  readonly addresses: AddressPlan;
  /** Folder of the root file system of an image. Throws `unknown_image` when it is not there any more. */
  readonly imageRoot: (digest: string) => string;
  readonly runner: CommandRunner;
  /** Of all slivers together beside the rest of the machine, in weights of an ordinary cgroup. */
  readonly cpuWeight?: number;
  /** What keeps slivers to their disk limits; by default what works. */
  readonly diskBound?: 'auto' | DiskBound;
  /** Longest that a disk may take to mount or to let go. */
  readonly mountTimeoutMs?: number;
}

/** Leaves a busy machine about the part that policy keeps for it. */
const ALL_SLIVERS_WEIGHT = 6;
/** A step waits so long for a volume to be removed; one with more in it goes on meanwhile, and is waited for again. */
const REMOVAL_PATIENCE_MS = 20 * SECOND_MS;
/** There is nobody else to wait for when everything goes. */
const PURGE_PATIENCE_MS = DAY_MS;

/** A real Linux host: overlay roots, routed links, nftables. Needs root. */
export function createLinuxHost(options: LinuxHostOptions): Host {
  return new LinuxHost(options);
}

class LinuxHost implements Host {
  readonly #options: LinuxHostOptions;
  readonly #volumes: Volumes;
  readonly #sensors: () => HostSensors;
  readonly #hierarchies = readCgroupHierarchies();
  readonly #trees = createTreeRemover();

  constructor(options: LinuxHostOptions) {
    this.#options = options;
    this.#volumes = createVolumes({ ...options, bound: options.diskBound ?? 'auto' });
    this.#sensors = createSensors(options.paths.state);
  }

  async mountRoot(sliver: DesiredSliver): Promise<string> {
    const { paths, names, addresses, imageRoot } = this.#options;
    const { lower, root, lease } = volumePaths(paths, names, sliver.slice);
    const { idBase } = addressesOf(addresses, sliver.index);
    const source = imageRoot(sliver.imageDigest);
    if (!existsSync(names.roots)) mkdirSync(names.roots, { recursive: true, mode: 0o711 });
    if (!isMountPoint(names.roots)) ensurePrivateMountPoint(names.roots);
    mkdirSync(lower, { recursive: true });
    // to start a program for the map of ids takes as long as to make the volume
    const mapped = bindMountIdMapped({ source, target: lower, idBase, idCount: IDS_PER_SLIVER });
    const { upper, work } = await bothOf(this.#volumes.prepare(sliver.slice, sliver.resources.diskMiB, idBase), mapped);
    prepareOverlayFolders({ upper, work, target: root }, idBase);
    if (readOptional(lease) !== sliver.lease) {
      replaceFile(lease, sliver.lease);
      void makeDurable(lease).catch(() => {}); // without it, the volume counts as half-made after a failure of the machine
    }
    await mountOverlay({ lower, upper, work, target: root }, this.#options.mountTimeoutMs);
    return root;
  }

  volumeHolds(slice: string, diskMiB: number): boolean {
    return this.#volumes.holds(slice, diskMiB);
  }

  growVolume(slice: string, diskMiB: number): Promise<void> {
    return this.#volumes.grow(slice, diskMiB);
  }

  growsVolume(slice: string): boolean {
    return this.#volumes.grows(slice);
  }

  diskUse(slice: string, diskMiB: number) {
    return this.#volumes.use(slice, diskMiB);
  }

  rootPath(slice: string): string {
    return this.#volume(slice).root;
  }

  #volume(slice: string) {
    return volumePaths(this.#options.paths, this.#options.names, slice);
  }

  async unmountRoot(slice: string): Promise<void> {
    const { root, lower, mounts } = this.#volume(slice);
    for (const point of [root, lower, ...mountsUnder(mounts).toReversed()])
      await unmountAside(point, this.#options.mountTimeoutMs);
  }

  async removeVolume(slice: string): Promise<void> {
    const { volume, mounts, lease } = this.#volume(slice);
    if (mountsUnder(mounts).length > 0) throw new Error(`${mounts} is still mounted`); // never delete through a mount
    rmSync(mounts, { recursive: true, force: true });
    rmSync(lease, { force: true }); // from now on it is half-made, should this be interrupted
    await this.#trees.remove(volume, REMOVAL_PATIENCE_MS);
  }

  /** In no folder that the sliver can write to, so that nothing in it leads elsewhere. */
  async tell(slice: string, about: string): Promise<void> {
    const folder = this.aboutFolder(slice);
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
    replaceReadable(join(folder, ABOUT_FILE), about);
  }

  aboutFolder(slice: string): string {
    return this.#volume(slice).about;
  }

  async attachNetwork(sliver: DesiredSliver, pid: number | undefined): Promise<void> {
    if (pid === undefined) throw new Error(`the machine of ${sliver.slice} has no process`);
    const { names, addresses } = this.#options;
    const { ipv4, ipv6 } = addressesOf(addresses, sliver.index);
    const veth = {
      pid,
      hostName: linkName(names, sliver.index),
      guestIpv4: ipv4,
      hostIpv4Gateway: GATEWAY_IPV4,
      hostIpv6Gateway: GATEWAY_IPV6,
    };
    await createRoutedVeth(ipv6 === null ? veth : { ...veth, guestIpv6: ipv6 });
  }

  async detachNetwork(index: number): Promise<void> {
    await deleteLink(linkName(this.#options.names, index));
  }

  async setFirewall(ruleset: string): Promise<void> {
    await applyRuleset(ruleset, this.#options.runner);
    enlargeSharedTables();
    // after the rules: nothing passes without them, and only with them does the kernel track flows
    passOn(this.#options.names.forwardedBefore, { ipv6: this.#options.addresses.ipv6Prefix !== null });
  }

  async setShaping(tree: ShapingTree, lines: readonly string[], minors?: ReadonlySet<number>): Promise<void> {
    const { runner } = this.#options;
    const strays = minors === undefined ? [] : await this.#straysOf(tree, minors);
    await applyTc([...strays, ...lines], runner);
  }

  /** Lines that make the hierarchy or take from it what else is in it. The device is written down for the purge. */
  async #straysOf(tree: ShapingTree, minors: ReadonlySet<number>): Promise<readonly string[]> {
    const { runner, names } = this.#options;
    const before = this.#shapedDevice();
    if (before !== undefined && before !== tree.device) await this.#unshape();
    if (before !== tree.device) {
      mkdirSync(names.run, { recursive: true, mode: 0o711 });
      writeFileAtomic(names.shapedDevice, tree.device);
    }
    if (!(await hasTree(tree, runner))) return [treeCreation(tree)];
    const there = [...(await readClassCounters(tree.device, runner)).keys()];
    return there.filter((minor) => !minors.has(minor)).map((minor) => classRemoval(tree.device, minor));
  }

  classCounters(tree: ShapingTree) {
    return readClassCounters(tree.device, this.#options.runner);
  }

  refusedPackets() {
    return readCounterSet(this.#options.names.table, 'refused', this.#options.runner);
  }

  countFlows(mark: number) {
    return countFlows(mark).catch((error: unknown) => {
      if (error instanceof SystemCallError) return undefined; // a kernel without this part
      throw error;
    });
  }

  #shapedDevice(): string | undefined {
    const device = readOptional(this.#options.names.shapedDevice)?.trim();
    return device === '' ? undefined : device;
  }

  async #unshape(): Promise<void> {
    const device = this.#shapedDevice();
    if (device === undefined || !listLinks().includes(device)) return;
    await deleteTree({ device, rateKbps: 0, defaultMinor: NODE_MINOR }, this.#options.runner);
  }

  observe(slice: string, index: number | null) {
    const { volume, mounts, root, lower, lease, about } = this.#volume(slice);
    const rootMounted = isMountPoint(root);
    return {
      slice,
      volume: existsSync(volume) || existsSync(mounts) ? (readOptional(lease) ?? 'unknown') : null,
      mounted: rootMounted || isMountPoint(lower) || isMountPoint(`${mounts}/disk`),
      rootMounted,
      link: index !== null && hasLink(linkName(this.#options.names, index)),
      about: readOptional(join(about, ABOUT_FILE)),
    };
  }

  hasDebris(slice: string): boolean {
    return this.#cgroupParents().some((parent) => existsSync(`${parent}/${slice}`));
  }

  inventory() {
    const { paths, names } = this.#options;
    const links = listLinks().flatMap((link) => linkIndex(names, link) ?? []);
    return { slices: [...new Set([...folders(paths.slivers), ...folders(names.roots), ...this.#cgroups()])], links };
  }

  /** Names of the cgroups of machines: what is left of one when the runtime's own files are gone. */
  #cgroups(): readonly string[] {
    return this.#cgroupParents().flatMap(folders);
  }

  #cgroupParents(): readonly string[] {
    const { cgroupParent } = this.#options.names;
    const parents = ['pids', 'memory', 'cpu'].map((each) => cgroupFolder(this.#hierarchies, each, cgroupParent));
    return [...new Set(parents.filter((parent) => parent !== undefined))];
  }

  async settle(): Promise<void> {
    // the topmost one stands beside the rest of the machine
    setCpuWeight(this.#options.names.cgroupParent.split('/')[0] ?? '', this.#options.cpuWeight ?? ALL_SLIVERS_WEIGHT);
    await this.#waitForOrphans();
    const { addresses: plan, paths, names } = this.#options;
    await settleAddresses({
      ...{ plan, linksFile: names.addresses, idsFile: paths.idBase },
      hasVolumes: () => folders(paths.slivers).some((name) => SliceName.safeParse(name).success),
      detachAll: () => this.#detachAll(),
    });
  }

  async #detachAll(): Promise<void> {
    for (const index of this.inventory().links) await this.detachNetwork(index);
  }

  #waitForOrphans(): Promise<void> {
    const { paths, names } = this.#options;
    return waitForOrphans({ runtimeRoot: names.runtimeRoot, slivers: paths.slivers });
  }

  capacity() {
    return readCapacity(this.#options.paths.state);
  }

  sensors() {
    return this.#sensors();
  }

  async features() {
    return [...(await probeHost(this.#options.runner)), await this.#volumes.feature()];
  }

  async purge({ keepVolumes = false }: { readonly keepVolumes?: boolean } = {}): Promise<void> {
    const { paths, names, runner } = this.#options;
    await this.#waitForOrphans();
    await removeProbeLeftovers(runner); // of a manager that was killed while it probed
    for (const cgroup of [names.cgroupParent, names.sshCgroup]) await removeCgroupTree(cgroup);
    await this.#detachAll();
    await deleteTable('inet', names.table, runner);
    await this.#unshape();
    passOnAsBefore(names.forwardedBefore);
    unmountUnder(names.roots);
    if (mountsUnder(names.roots).length > 0) throw new Error(`${names.roots} is still mounted`);
    if (!keepVolumes) await this.#trees.remove(paths.slivers, PURGE_PATIENCE_MS);
    rmSync(names.run, { recursive: true, force: true });
    removeEmptyFolder(dirname(names.run)); // what several nodes share goes with the last one
    removeEmptyCgroup(dirname(names.cgroupParent));
  }
}

/** The first one's result when both are done, whichever fails: nothing goes on behind the back of the next step. */
async function bothOf<T>(first: Promise<T>, second: Promise<void>): Promise<T> {
  const [result, other] = await Promise.allSettled([first, second]);
  if (result.status === 'rejected') throw result.reason;
  if (other.status === 'rejected') throw other.reason;
  return result.value;
}

function removeEmptyFolder(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOTEMPTY', 'EBUSY', 'ENOENT')) throw error; // it is used
  }
}

function folders(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}
