import type { LeaseRecord, NodeSliver, Reason, SshKey, Tags } from '@planetlab/contract';
import type { ImageName, LeaseId, NodeId, NodeName, Resources, SliceName, SliverState } from '@planetlab/model';

/** The node that speaks, for the record. */
export interface Reporter {
  readonly nodeId: NodeId;
  readonly nodeName: NodeName;
}

/** A sliver's row as the broker looks at it. */
export interface BrokerSliver {
  /** Of the row: a slice that was taken off a node and put on again has two. */
  readonly id: string;
  readonly slice: SliceName;
  /** False: its lease is to be ended, and then the row goes. */
  readonly wanted: boolean;
  readonly sliceEndsMs: number;
  readonly image: ImageName;
  readonly resources: Resources;
  readonly leaseId: LeaseId | null;
  /** The access list that should be, and the hash of the one its node has. */
  readonly keys: readonly SshKey[];
  readonly accessHash: string | null;
  /** What its programs are to be told, and the hash of what they were told last (`tagsHashOf`). */
  readonly tags: Tags;
  readonly tagsHash: string | null;
  /** Why it is to be stopped, with its disk; null while it may run. */
  readonly stopped: string | null;
  /** Why no lease is asked for it; null when one is. */
  readonly held: Reason | null;
  /** What a shell is to run in it once; empty when there is nothing, or it has. */
  readonly initialCommand: string;
  /** What is shown of it now. */
  readonly shown: { readonly state: SliverState; readonly code: string | null };
}

/** What is kept of a lease after its signature was checked: not the token, which is most of it. */
export type HeldLease = Pick<LeaseRecord, 'id' | 'slice' | 'expiresAt' | 'resources' | 'stopped'>;

/** What the broker acts on in a node's report of a sliver. */
export type HeardState = Pick<NodeSliver, 'leaseId' | 'state'>;

/** What the broker knows of a node at one moment. */
export interface NodeView {
  /** Every lease of ours is to end, though slivers are wanted. */
  readonly ends: boolean;
  readonly slivers: readonly BrokerSliver[];
  /** The live leases of ours that the node holds. */
  readonly leases: ReadonlyMap<SliceName, HeldLease>;
  readonly reports: ReadonlyMap<SliceName, HeardState>;
  /** When each lease is to be renewed. */
  readonly renewAtMs: ReadonlyMap<LeaseId, number>;
  /** By the steps' pause keys: not to be tried before. */
  readonly pausedUntilMs: ReadonlyMap<string, number>;
  /** Slices about which a request is under way: left alone until it is answered. */
  readonly busy: Pick<ReadonlySet<SliceName>, 'has'>;
}

export type BrokerStep =
  | { readonly type: 'request'; readonly sliver: BrokerSliver; readonly endsMs: number }
  /** A lease of ours that the row does not know yet, after a crash between its grant and our note of it. */
  | { readonly type: 'adopt'; readonly sliver: BrokerSliver; readonly lease: HeldLease }
  | { readonly type: 'renew'; readonly sliver: BrokerSliver; readonly lease: HeldLease; readonly endsMs: number }
  /** The lease binds other resources than the slice is to have. */
  | { readonly type: 'change'; readonly sliver: BrokerSliver; readonly lease: HeldLease }
  /** Its sliver is to be stopped, or to run again. */
  | { readonly type: 'stop'; readonly sliver: BrokerSliver; readonly lease: HeldLease }
  /** It runs on a new disk: its slice's initial command is run. */
  | { readonly type: 'initialise'; readonly sliver: BrokerSliver; readonly lease: HeldLease }
  /** No lease is asked for: people are told why. */
  | { readonly type: 'hold'; readonly sliver: BrokerSliver; readonly reason: Reason }
  | { readonly type: 'access'; readonly sliver: BrokerSliver; readonly hash: string }
  | { readonly type: 'tags'; readonly sliver: BrokerSliver; readonly hash: string | null }
  | { readonly type: 'end'; readonly slice: SliceName; readonly lease: HeldLease }
  | { readonly type: 'forget'; readonly sliver: BrokerSliver };

export interface BrokerPlan {
  readonly steps: readonly BrokerStep[];
  /** When to look again though nothing has happened; Infinity for never. */
  readonly nextMs: number;
}
