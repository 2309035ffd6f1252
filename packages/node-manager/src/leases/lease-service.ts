import type { LeaseChange, LeaseRequest } from '@planetlab/contract';
import { issueLease, type Lease, type SliceCredential } from '@planetlab/credentials';
import {
  isPlanetLabError,
  type LeaseId,
  PlanetLabError,
  portKey,
  type Resources,
  type SliceName,
  sameResources,
  toInstant,
} from '@planetlab/model';
import { admitResources, checkEnd } from '../admission/admit.ts';
import { boundWithout } from '../admission/bound.ts';
import { checkDecisions } from '../admission/decisions.ts';
import type { NodeStore, StoredLease } from '../store/store.ts';
import { checkPorts, type Granted, type GrantOptions, grantAll } from './grant.ts';

export interface LeaseServiceOptions extends GrantOptions {
  readonly store: NodeStore;
  /** Whether the disk of a sliver that is there can become larger. */
  readonly growsVolume: (slice: SliceName) => boolean;
  /** Told after leases have changed durably. */
  readonly changed: (slices: readonly SliceName[]) => void;
}

/** Leases: asked for, renewed, ended. Every change is durable when the call returns. */
export interface LeaseService {
  request(request: LeaseRequest, credential: SliceCredential): StoredLease;
  /** Many at once, made durable together: the outcome of each slice. No slice twice. */
  requestAll(requests: readonly LeaseRequest[], credential: SliceCredential): ReadonlyMap<SliceName, Granted>;
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
    return grantedTo(request.slice, this.requestAll([request], credential));
  }

  requestAll(requests: readonly LeaseRequest[], credential: SliceCredential): ReadonlyMap<SliceName, Granted> {
    const { outcomes, entries } = grantAll(this.#options, requests, credential);
    if (entries.length === 0) return outcomes;
    const slices = entries.map(({ lease }) => lease.slice);
    try {
      this.#options.store.addLeases(entries);
    } catch (error) {
      if (!isPlanetLabError(error)) throw error;
      return new Map([...outcomes, ...slices.map((slice) => [slice, error] as const)]);
    }
    this.#options.changed(slices);
    return outcomes;
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
    const others = () => store.liveLeases().flatMap(({ lease }) => (lease.id === stored.lease.id ? [] : lease));
    const bound = boundWithout(store.bound(), stored.lease.resources);
    const leaseMs = stored.lease.expiresAtMs - now();
    admitResources(policy, resources, { bound, host: this.#options.host, leaseMs, before: stored.lease.resources });
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
    this.#options.changed([stored.lease.slice]);
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
    changed([lease.slice]);
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

/** Throws the refusal, where there is no lease. */
export function grantedTo(slice: SliceName, outcomes: ReadonlyMap<SliceName, Granted>): StoredLease {
  const outcome = outcomes.get(slice);
  if (outcome === undefined || isPlanetLabError(outcome)) throw outcome ?? new Error(`nobody asked for ${slice}`);
  return outcome;
}

/** The holder; or the broker of the authority that the holder got its credential from, for all slices of it. */
const mayHandle = (credential: SliceCredential, lease: Lease): boolean =>
  (credential.slice === '*' || credential.slice === lease.slice) &&
  (credential.holder === lease.holder || (credential.slice === '*' && credential.authority === lease.authority));
