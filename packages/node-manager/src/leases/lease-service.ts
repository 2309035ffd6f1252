import type { LeaseChange, LeaseRequest } from '@planetlab/contract';
import { issueLease, type KeyPair, type Lease, type SliceCredential } from '@planetlab/credentials';
import {
  type LeaseId,
  type NodeId,
  type NodeName,
  PlanetLabError,
  type PortBinding,
  portKey,
  type ResourceSums,
  type Resources,
  type SliceName,
  sameResources,
  toInstant,
} from '@planetlab/model';
import { admit, admitResources, checkEnd } from '../admission/admit.ts';
import { checkDecisions, type Decisions } from '../admission/decisions.ts';
import type { Policy } from '../admission/policy.ts';
import { admitPorts } from '../admission/ports.ts';
import type { ImageStore } from '../images/image-store.ts';
import { type AddressPlan, freeIndex } from '../slivers/addresses.ts';
import { type NodeStore, newLeaseId, type StoredLease } from '../store/store.ts';

export interface LeaseServiceOptions {
  readonly node: { readonly id: NodeId; readonly name: NodeName; readonly key: KeyPair };
  readonly policy: Policy;
  /** What the administrator of the machine has decided, as it is now. */
  readonly decisions: () => Decisions;
  readonly store: NodeStore;
  /** Whether the disk of a sliver that is there can become larger. */
  readonly growsVolume: (slice: SliceName) => boolean;
  readonly images: ImageStore;
  readonly addresses: AddressPlan;
  readonly host: ResourceSums;
  /** Ports that the machine itself listens on now, as `tcp/22`. */
  readonly ownPorts: () => ReadonlySet<string>;
  readonly now: () => number;
  /** Told after a lease has changed durably. */
  readonly changed: (lease: Lease) => void;
}

/** Leases: asked for, renewed, ended. Every change is durable when the call returns. */
export interface LeaseService {
  request(request: LeaseRequest, credential: SliceCredential): StoredLease;
  renew(id: LeaseId, expiresAtMs: number, credential: SliceCredential): StoredLease;
  /**
   * Other resources for the same sliver, admitted as a whole with the old ones given back; and whether it is kept stopped.
   * A refusal changes nothing.
   */
  change(id: LeaseId, change: LeaseChange, credential: SliceCredential): StoredLease;
  end(id: LeaseId, credential: SliceCredential): void;
}

export function createLeaseService(options: LeaseServiceOptions): LeaseService {
  return new StoredLeases(options);
}

class StoredLeases implements LeaseService {
  readonly #options: LeaseServiceOptions;

  constructor(options: LeaseServiceOptions) {
    this.#options = options;
  }

  request(request: LeaseRequest, credential: SliceCredential): StoredLease {
    const { store, policy, node, now } = this.#options;
    const existing = store.liveLeaseOf(request.slice);
    if (existing !== undefined) return sameHolder(existing, credential);
    checkDecisions(this.#options.decisions(), { slice: request.slice, authority: credential.authority });
    const nowMs = now();
    const leases = store.liveLeases().map(({ lease }) => lease);
    const live = leases.map(({ resources }) => resources);
    const images = this.#options.images.list();
    const terms = admit(policy, request, { credential, live, host: this.#options.host, images, nowMs });
    checkPorts(this.#options, terms.resources.ports, leases);
    const lease: Lease = {
      id: newLeaseId(),
      node: node.id,
      nodeName: node.name,
      slice: request.slice,
      holder: credential.holder,
      principal: credential.principal,
      authority: credential.authority,
      resources: terms.resources,
      image: terms.image,
      issuedAtMs: nowMs,
      expiresAtMs: terms.expiresAtMs,
    };
    const entry = { lease, token: issueLease(node.key, lease), imageDigest: terms.imageDigest };
    store.addLeases([{ ...entry, index: indexFor(this.#options, request.slice), keys: request.keys }]);
    this.#options.changed(lease);
    return { ...entry, endedAtMs: null };
  }

  renew(id: LeaseId, wantedMs: number, credential: SliceCredential): StoredLease {
    const { policy, now } = this.#options;
    const stored = this.#liveLease(id, credential);
    checkDecisions(this.#options.decisions(), stored.lease);
    return this.#replace(stored, { ...stored.lease, expiresAtMs: checkEnd(policy, wantedMs, now()) });
  }

  change(id: LeaseId, { resources, stopped }: LeaseChange, credential: SliceCredential): StoredLease {
    const stored = this.#liveLease(id, credential);
    if (resources !== undefined && !sameResources(resources, stored.lease.resources))
      this.#admitChange(stored, resources);
    const lease = leaseAfter(stored.lease, { resources, stopped });
    return lease === stored.lease ? stored : this.#replace(stored, lease);
  }

  /** Throws unless the lease may bind these resources instead of its own. */
  #admitChange(stored: StoredLease, resources: Resources): void {
    const { store, policy, now } = this.#options;
    checkDecisions(this.#options.decisions(), stored.lease);
    if (resources.diskMiB > stored.lease.resources.diskMiB && !this.#options.growsVolume(stored.lease.slice)) {
      throw new PlanetLabError(
        'admission_refused',
        'The disk of a sliver cannot grow on this node while it is there. For a larger one, take the slice off this node and put it on again.',
      );
    }
    const others = store.liveLeases().flatMap(({ lease }) => (lease.id === stored.lease.id ? [] : lease));
    const live = others.map((lease) => lease.resources);
    const leaseMs = stored.lease.expiresAtMs - now();
    admitResources(policy, resources, { live, host: this.#options.host, leaseMs, before: stored.lease.resources });
    const held = new Set(stored.lease.resources.ports.map(portKey));
    checkPorts(
      this.#options,
      resources.ports.filter((port) => !held.has(portKey(port))),
      others,
    );
  }

  end(id: LeaseId, credential: SliceCredential): void {
    const { store, now } = this.#options;
    const stored = this.#ownLease(id, credential);
    if (stored.endedAtMs !== null) return;
    store.endLease(id, now());
    this.#options.changed(stored.lease);
  }

  /** The lease, if it holds and is the caller's. */
  #ownLease(id: LeaseId, credential: SliceCredential): StoredLease {
    const stored = this.#options.store.lease(id);
    if (stored === undefined || !mayHandle(credential, stored.lease)) {
      throw new PlanetLabError('unknown_lease', `This node has no lease ${id} that this credential could change.`);
    }
    return stored;
  }

  /** The same, if it has not ended. */
  #liveLease(id: LeaseId, credential: SliceCredential): StoredLease {
    const stored = this.#ownLease(id, credential);
    if (stored.endedAtMs === null && stored.lease.expiresAtMs > this.#options.now()) return stored;
    const endedMs = stored.endedAtMs ?? stored.lease.expiresAtMs;
    throw new PlanetLabError('lease_expired', `This lease ended at ${toInstant(endedMs)}. Ask for a new one.`);
  }

  /** The lease in its new form, signed anew. */
  #replace(stored: StoredLease, lease: Lease): StoredLease {
    const { store, node, changed } = this.#options;
    const token = issueLease(node.key, lease);
    store.replaceLease(lease, token);
    changed(lease);
    return { ...stored, lease, token };
  }
}

/** The lease as changed; the same one when it says all of that already. */
export function leaseAfter(lease: Lease, { resources = lease.resources, stopped }: LeaseChange): Lease {
  const { stopped: before, ...rest } = lease;
  const after = stopped === undefined ? before : (stopped ?? undefined);
  if (after === before && sameResources(resources, lease.resources)) return lease;
  return { ...rest, resources, ...(after === undefined ? {} : { stopped: after }) };
}

function checkPorts({ ownPorts }: LeaseServiceOptions, wanted: readonly PortBinding[], live: readonly Lease[]): void {
  if (wanted.length > 0) admitPorts(wanted, { live, own: ownPorts() });
}

function sameHolder(existing: StoredLease, credential: SliceCredential): StoredLease {
  if (existing.lease.holder === credential.holder) return existing;
  throw new PlanetLabError(
    'conflict',
    `${existing.lease.slice} has a lease here until ${toInstant(existing.lease.expiresAtMs)}, held by ${existing.lease.principal}. Ask its holder to end it first.`,
    { details: { principal: existing.lease.principal } },
  );
}

/** The holder; or the broker of the authority that the holder got its credential from, for all slices of it. */
const mayHandle = (credential: SliceCredential, lease: Lease): boolean =>
  (credential.slice === '*' || credential.slice === lease.slice) &&
  (credential.holder === lease.holder || (credential.slice === '*' && credential.authority === lease.authority));

/** A sliver that is still being removed keeps its index: nothing of it can then be taken for another's. */
function indexFor({ store, addresses }: LeaseServiceOptions, slice: string): number {
  const index = store.sliver(slice)?.index ?? freeIndex(addresses, store.indices());
  if (index !== undefined) return index;
  throw new PlanetLabError(
    'insufficient_resources',
    'This node has no addresses left for another sliver. Ask again when one has ended, or choose another node.',
    { details: { resource: 'addresses', left: 0, wanted: 1 } },
  );
}
