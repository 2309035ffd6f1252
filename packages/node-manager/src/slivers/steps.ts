import type { Reason } from '@planetlab/contract';
import type { ImageName, LeaseId, Resources, SliceName } from '@planetlab/model';

/** A sliver that there should be: what a live lease says. */
export interface DesiredSliver {
  readonly slice: SliceName;
  readonly lease: LeaseId;
  readonly image: ImageName;
  /** Of the image when the lease was granted: a newer image of the same name changes no sliver. */
  readonly imageDigest: string;
  readonly resources: Resources;
  /** Its weight in the kernel, which comes from what all slivers are to get; 1 is an ordinary one's. */
  readonly cpuWeight: number;
  /** Names the sliver's addresses, ids and link. */
  readonly index: number;
  /** What its programs are told of themselves: the text of a file that they see. */
  readonly about: string;
  /** Why the machine's administrator, or the holder of its lease, keeps it stopped: nothing of it runs, what was written stays. */
  readonly stopped?: Reason;
}

/** What the kernel and the disk have of one sliver now. */
export interface ObservedSliver {
  readonly slice: string;
  /** Of the sliver's row in the store; null when the store does not know it. */
  readonly index: number | null;
  /** The lease its volume was made for; `unknown` when the volume is half-made; null when there is none. */
  readonly volume: LeaseId | 'unknown' | null;
  /** Whether anything is mounted in its volume, and whether its root is. */
  readonly mounted: boolean;
  readonly rootMounted: boolean;
  /** `debris`: no machine, but something left of one (a cgroup). */
  readonly machine: 'none' | 'created' | 'running' | 'paused' | 'stopped' | 'debris';
  /** Whether machine and volume have the limits of the sliver's lease; true where neither is there. */
  readonly limited: boolean;
  /** Whether its programs are told what they should be; true where there is no machine. */
  readonly told: boolean;
  /** Whether the host's end of its link is there. */
  readonly link: boolean;
}

export interface DesiredNode {
  readonly slivers: readonly DesiredSliver[];
  /** A name of the rule set and classes: the same name is the same network. */
  readonly network: string;
  /** All accounts, as one text. */
  readonly accounts: string;
}

export interface ObservedNode {
  readonly slivers: readonly ObservedSliver[];
  /** Links of this node that belong to no sliver. */
  readonly strayLinks: readonly number[];
  /** What was applied last, or null when that is not known. */
  readonly network: string | null;
  readonly accounts: string | null;
}

/** Something the node does to one sliver. Each kind has exactly one executor, which may be run again at any time. */
export type SliverStep =
  | { readonly kind: 'MountRoot'; readonly sliver: DesiredSliver }
  | { readonly kind: 'CreateMachine'; readonly sliver: DesiredSliver }
  | { readonly kind: 'AttachNetwork'; readonly sliver: DesiredSliver }
  | { readonly kind: 'StartMachine'; readonly slice: string }
  | { readonly kind: 'ApplyLimits'; readonly sliver: DesiredSliver }
  | { readonly kind: 'TellSliver'; readonly sliver: DesiredSliver }
  | { readonly kind: 'StopMachine'; readonly slice: string }
  | { readonly kind: 'DestroyMachine'; readonly slice: string }
  | { readonly kind: 'DetachNetwork'; readonly slice: string; readonly index: number }
  | { readonly kind: 'UnmountRoot'; readonly slice: string }
  | { readonly kind: 'RemoveVolume'; readonly slice: string };

/** Something the node does to itself. */
export type NodeStep =
  | { readonly kind: 'RemoveLink'; readonly index: number }
  | { readonly kind: 'ApplyNetwork'; readonly network: string }
  | { readonly kind: 'ApplyAccounts'; readonly accounts: string };

export type Step = SliverStep | NodeStep;

/** The slice a step is about, or null for the node's own. */
export function sliceOfStep(step: Step): string | null {
  if ('sliver' in step) return step.sliver.slice;
  return 'slice' in step ? step.slice : null;
}
