import type { LeaseRequest } from '@planetlab/contract';
import { issueLease, type KeyPair, type Lease, type SliceCredential } from '@planetlab/credentials';
import {
  isPlanetLabError,
  type NodeId,
  type NodeName,
  PlanetLabError,
  type PortBinding,
  type ResourceSums,
  type SliceName,
  toInstant,
} from '@planetlab/model';
import { admit } from '../admission/admit.ts';
import { boundWith } from '../admission/bound.ts';
import { checkDecisions, type Decisions } from '../admission/decisions.ts';
import type { Policy } from '../admission/policy.ts';
import { admitPorts } from '../admission/ports.ts';
import type { ImageStore } from '../images/image-store.ts';
import { type AddressPlan, freeIndex } from '../slivers/addresses.ts';
import type { LeaseEntry, NodeStore, StoredLease } from '../store/store.ts';
import { newLeaseId } from './lease-record.ts';

export interface GrantOptions {
  readonly node: { readonly id: NodeId; readonly name: NodeName; readonly key: KeyPair };
  readonly policy: Policy;
  /** What the administrator of the machine has decided, as it is now. */
  readonly decisions: () => Decisions;
  readonly store: Pick<NodeStore, 'liveLeases' | 'liveLeaseOf' | 'bound' | 'sliver' | 'indices'>;
  readonly images: Pick<ImageStore, 'list'>;
  readonly addresses: AddressPlan;
  readonly host: ResourceSums;
  /** Ports that the machine itself listens on now, as `tcp/22`. */
  readonly ownPorts: () => ReadonlySet<string>;
  readonly now: () => number;
}

/** The lease, or why there is none. */
export type Granted = StoredLease | PlanetLabError;

export interface Grants {
  /** Of each slice that was asked for. */
  readonly outcomes: ReadonlyMap<SliceName, Granted>;
  /** The leases that are new: they are to be made durable before anybody is told. */
  readonly entries: readonly LeaseEntry[];
}

/**
 * Decides about requests of one caller in their order, each by itself, beside what holds and what was granted before it.
 * Changes nothing.
 */
export function grantAll(
  options: GrantOptions,
  requests: readonly LeaseRequest[],
  credential: SliceCredential,
): Grants {
  const { store, policy, host, now } = options;
  const nowMs = now();
  const decisions = options.decisions();
  const images = options.images.list();
  const indices = new Set(store.indices());
  const entries: LeaseEntry[] = [];
  let bound = store.bound();
  const grant = (request: LeaseRequest): StoredLease => {
    const existing = store.liveLeaseOf(request.slice);
    if (existing !== undefined) return sameHolder(existing, credential);
    checkDecisions(decisions, { slice: request.slice, authority: credential.authority });
    const terms = admit(policy, request, { credential, bound, host, images, nowMs });
    checkPorts(options, terms.resources.ports, () => [...store.liveLeases(), ...entries].map(({ lease }) => lease));
    const index = indexFor(options, request.slice, indices);
    const lease = newLease(options, credential, { ...terms, slice: request.slice, issuedAtMs: nowMs });
    const promised = { lease, token: issueLease(options.node.key, lease), imageDigest: terms.imageDigest };
    entries.push({ ...promised, index, keys: request.keys });
    indices.add(index);
    bound = boundWith(bound, lease.resources);
    return { ...promised, endedAtMs: null };
  };
  return { outcomes: new Map(requests.map((request) => [request.slice, outcomeOf(() => grant(request))])), entries };
}

/** What is refused is in nobody else's way. */
function outcomeOf(grant: () => StoredLease): Granted {
  try {
    return grant();
  } catch (error) {
    if (isPlanetLabError(error)) return error;
    throw error;
  }
}

const newLease = (
  { node }: GrantOptions,
  { holder, principal, authority }: SliceCredential,
  {
    slice,
    resources,
    image,
    issuedAtMs,
    expiresAtMs,
  }: Pick<Lease, 'slice' | 'resources' | 'image' | 'issuedAtMs' | 'expiresAtMs'>,
): Lease => ({
  ...{ id: newLeaseId(), node: node.id, nodeName: node.name, slice },
  ...{ holder, principal, authority, resources, image, issuedAtMs, expiresAtMs },
});

/** Throws `conflict` and `admission_refused`. */
export function checkPorts(
  { ownPorts }: Pick<GrantOptions, 'ownPorts'>,
  wanted: readonly PortBinding[],
  live: () => readonly Lease[],
): void {
  if (wanted.length > 0) admitPorts(wanted, { live: live(), own: ownPorts() });
}

function sameHolder(existing: StoredLease, credential: SliceCredential): StoredLease {
  if (existing.lease.holder === credential.holder) return existing;
  throw new PlanetLabError(
    'conflict',
    `${existing.lease.slice} has a lease here until ${toInstant(existing.lease.expiresAtMs)}, held by ${existing.lease.principal}. Ask its holder to end it first.`,
    { details: { principal: existing.lease.principal } },
  );
}

/** A sliver that is still being removed keeps its index: nothing of it can then be taken for another's. */
function indexFor({ store, addresses }: GrantOptions, slice: SliceName, taken: ReadonlySet<number>): number {
  const index = store.sliver(slice)?.index ?? freeIndex(addresses, taken);
  if (index !== undefined) return index;
  throw new PlanetLabError(
    'insufficient_resources',
    'This node has no addresses left for another sliver. Ask again when one has ended, or choose another node.',
    { details: { resource: 'addresses', left: 0, wanted: 1 } },
  );
}
