import type { HostFeature, SliverUsage } from '@planetlab/contract';
import type { ClassCounters, ShapingTree } from '@planetlab/linux';
import type { DesiredSliver } from '../slivers/steps.ts';
import type { HostCapacity } from './capacity.ts';
import type { HostSensors } from './sensors.ts';

/** What the host shows of one sliver, without its machine. */
export interface HostSliver {
  readonly slice: string;
  readonly volume: string | null;
  readonly mounted: boolean;
  readonly rootMounted: boolean;
  readonly link: boolean;
  /** What its programs are told of themselves, if anything. */
  readonly about: string | undefined;
}

/**
 * What the node manager needs of its host beside the VMM: roots, networks, the rule set. Every operation may be done
 * again at any time and leads to the same end.
 */
export interface Host {
  /** Makes the volume of this lease and mounts its root; the path of the root. Undone by `unmountRoot` and `removeVolume`. */
  mountRoot(sliver: DesiredSliver): Promise<string>;
  /** Whether the volume of a sliver takes this much, or has no bound. */
  volumeHolds(slice: string, diskMiB: number): boolean;
  /** Lets a volume in use take more. A volume cannot shrink while it is in use; a bound that is higher is left as it is. */
  growVolume(slice: string, diskMiB: number): Promise<void>;
  /** Whether it can: that depends on what bounds it, and on what this process may do. */
  growsVolume(slice: string): boolean;
  /** What a sliver has on disk; `diskMiB` is its limit where nothing enforces one. */
  diskUse(slice: string, diskMiB: number): SliverUsage['disk'];
  /** Where `mountRoot` mounts. */
  rootPath(slice: string): string;
  unmountRoot(slice: string): Promise<void>;
  /** Removes the volume with everything written to it. It must be unmounted. */
  removeVolume(slice: string): Promise<void>;
  /** Tells a sliver's programs about themselves: the whole text at once, in a folder that they see. Undone by `removeVolume`. */
  tell(slice: string, about: string): Promise<void>;
  aboutFolder(slice: string): string;
  /** Links the machine whose first process is `pid` to the network. Undone by `detachNetwork`. */
  attachNetwork(sliver: DesiredSliver, pid: number | undefined): Promise<void>;
  detachNetwork(index: number): Promise<void>;
  /** Applies rules of the node's table, in one go: the whole rule set, or a change of it. */
  setFirewall(ruleset: string): Promise<void>;
  /**
   * Applies classes of the node's egress, or a change of them. With `minors` they are all there are: the hierarchy is made
   * where it is missing, and what else is in it goes.
   */
  setShaping(tree: ShapingTree, lines: readonly string[], minors?: ReadonlySet<number>): Promise<void>;
  /** What each class of the node's egress has sent, by minor. */
  classCounters(tree: ShapingTree): Promise<ReadonlyMap<number, ClassCounters>>;
  /** Packets that were refused because of a sliver's limits on flows, by its mark. */
  refusedPackets(): Promise<ReadonlyMap<number, number>>;
  /** Flows with a sliver's mark that the kernel tracks now; undefined where it does not tell. */
  countFlows(mark: number): Promise<number | undefined>;
  /** One sliver as the kernel has it; `index` is that of its link, if known. Starts no process. */
  observe(slice: string, index: number | null): HostSliver;
  /** Whether a machine that the VMM does not know (any more) left something behind. */
  hasDebris(slice: string): boolean;
  /** Names of all slivers of which something is here, and indices of all links. */
  inventory(): { readonly slices: readonly string[]; readonly links: readonly number[] };
  /**
   * Lets what an earlier manager left half-done come to its end, and takes away links whose addresses are no longer those
   * of the configuration. Throws `conflict` when it wants other ids than volumes have.
   */
  settle(): Promise<void>;
  /** All that the machine has. */
  capacity(): HostCapacity;
  /** What of it is in use now. */
  sensors(): HostSensors;
  features(): Promise<readonly HostFeature[]>;
  /**
   * Ends every sliver and removes everything of this node from the host: links, mounts, cgroups, rule set, folders below
   * /run. What slivers have written goes too, unless volumes are kept.
   */
  purge(options?: { readonly keepVolumes?: boolean }): Promise<void>;
}
