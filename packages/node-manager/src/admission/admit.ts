import type { LeaseRequest } from '@planetlab/contract';
import type { SliceCredential } from '@planetlab/credentials';
import {
  formatDuration,
  formatMiB,
  fromInstant,
  type ImageName,
  NO_RESOURCES,
  PlanetLabError,
  RESOURCE_KEYS,
  type ResourceKey,
  type ResourceSums,
  type Resources,
  subtractResources,
  sumsOf,
  toInstant,
} from '@planetlab/model';
import type { Bound } from './bound.ts';
import { type Policy, promisable } from './policy.ts';

export interface AdmissionFacts {
  readonly credential: SliceCredential;
  readonly bound: Bound;
  /** All that the host has. */
  readonly host: ResourceSums;
  readonly images: readonly { readonly name: ImageName; readonly digest: string }[];
  readonly nowMs: number;
}

/** What the node promises if it says yes. */
export interface LeaseTerms {
  readonly resources: Resources;
  readonly image: ImageName;
  readonly imageDigest: string;
  readonly expiresAtMs: number;
}

/**
 * The node's decision about one request, by its owner's policy. Pure. Throws `admission_refused`,
 * `insufficient_resources` (which says what is short and how much is left), `unknown_image`, `lease_too_long`.
 */
export function admit(policy: Policy, request: LeaseRequest, facts: AdmissionFacts): LeaseTerms {
  const { credential, nowMs } = facts;
  if (!policy.authorities.some((authority) => authority.name === credential.authority)) {
    throw refused(`This node does not serve slices of ${credential.authority}. Ask its owner to add that authority.`);
  }
  const image = facts.images.find(({ name }) => name === request.image);
  if (image === undefined) throw unknownImage(request.image, facts.images);
  const expiresAtMs = checkEnd(policy, fromInstant(request.expiresAt), nowMs);
  const { resources } = request;
  if (facts.bound.slivers >= policy.maxSlivers) {
    throw new PlanetLabError(
      'insufficient_resources',
      `This node has all of its ${policy.maxSlivers} slivers. Ask again when one has ended, or choose another node.`,
      { details: { resource: 'slivers', left: 0, wanted: 1 } },
    );
  }
  admitResources(policy, resources, { ...facts, leaseMs: expiresAtMs - nowMs });
  return { resources, image: image.name, imageDigest: image.digest, expiresAtMs };
}

/** The end that is granted. Throws `lease_too_long`, and `malformed_request` for an end that is over. */
export function checkEnd(policy: Policy, expiresAtMs: number, nowMs: number): number {
  if (expiresAtMs <= nowMs) {
    throw new PlanetLabError(
      'malformed_request',
      `The lease would end at ${toInstant(expiresAtMs)}, but on this node it is ${toInstant(nowMs)} already. Ask for an end in the future.`,
    );
  }
  if (expiresAtMs - nowMs <= policy.maxLeaseMs) return expiresAtMs;
  throw new PlanetLabError(
    'lease_too_long',
    `This node leases for at most ${formatDuration(policy.maxLeaseMs)} at a time: until ${toInstant(nowMs + policy.maxLeaseMs)} now. Ask for that, and renew the lease later.`,
    { details: { latest: toInstant(nowMs + policy.maxLeaseMs) } },
  );
}

export interface RoomFacts {
  /** Without the lease that is changed. */
  readonly bound: Bound;
  readonly host: ResourceSums;
  /** How long the resources will be bound. */
  readonly leaseMs: number;
  /** Of the lease that is changed: what does not grow is granted, even when the node has promised too much by now. */
  readonly before?: Resources;
}

/** Whether the node may bind these resources beside what it has bound. Throws `admission_refused`, `insufficient_resources`. */
export function admitResources(policy: Policy, resources: Resources, facts: RoomFacts): void {
  if (resources.cpuShares > policy.maxCpuSharesPerSliver) {
    throw refused(
      `This node gives one sliver at most ${policy.maxCpuSharesPerSliver} CPU shares; ${resources.cpuShares} are asked for.`,
    );
  }
  if (facts.before !== undefined && resources.diskMiB < facts.before.diskMiB) {
    throw refused(
      'The disk of a sliver cannot shrink while it is there. For a smaller one, take the slice off this node and put it on again.',
    );
  }
  const left = subtractResources(promisable(policy, facts.host, facts.leaseMs), facts.bound.sums);
  const sums = sumsOf(resources);
  const held = facts.before === undefined ? NO_RESOURCES : sumsOf(facts.before);
  const short = RESOURCE_KEYS.find((key) => sums[key] > left[key] && sums[key] > held[key]);
  if (short === undefined) return;
  const remaining = Math.max(0, left[short]);
  throw new PlanetLabError(
    'insufficient_resources',
    `This node has ${AMOUNTS[short](remaining)} left to promise; ${AMOUNTS[short](sums[short])} are asked for. Ask for less, or choose another node.`,
    { details: { resource: short, left: remaining, wanted: sums[short] } },
  );
}

const AMOUNTS: Readonly<Record<ResourceKey, (value: number) => string>> = {
  cpuReservedMillis: (value) => `${value / 1000} reserved cores`,
  memoryMiB: (value) => `${formatMiB(value)} of memory`,
  diskMiB: (value) => `${formatMiB(value)} of disk`,
  processes: (value) => `${value} processes`,
  egressMinKbps: (value) => `${value} kbit/s of guaranteed egress`,
};

const refused = (why: string) => new PlanetLabError('admission_refused', why);

function unknownImage(name: ImageName, images: AdmissionFacts['images']): PlanetLabError {
  const names = images.map((image) => image.name);
  const there =
    names.length === 0 ? 'It has none: its owner has to build or import one' : `There is ${names.join(', ')}`;
  return new PlanetLabError('unknown_image', `This node has no image ${name}. ${there}.`, {
    details: { images: names },
  });
}
