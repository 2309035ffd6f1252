import { PlanetLabError } from '@planetlab/model';

/** Ids of one sliver: as many as every Linux distribution counts on. */
export const IDS_PER_SLIVER = 65_536;
/** 0 is the network, 1 the node. */
export const FIRST_INDEX = 2;
/** Bounded by the ids below 2^32 and by the five digits in a link's name. */
const MOST_SLIVERS = 16_384;

/** The same on every link, because each is a network of its own: link-local, never routed. */
export const GATEWAY_IPV4 = '169.254.1.1';
export const GATEWAY_IPV6 = 'fe80::1';

export interface Ipv4Range {
  readonly first: number;
  readonly size: number;
}

/** Parses `100.96.0.0/16`; undefined when it is not a range of at least 8 and at most 2^24 addresses. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (match === null) return undefined;
  const [, ...numbers] = match.map(Number);
  const [a = 256, b = 256, c = 256, d = 256, bits = 33] = numbers;
  if ([a, b, c, d].some((octet) => octet > 255) || bits < 8 || bits > 29) return undefined;
  const address = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - bits);
  return address % size === 0 ? { first: address, size } : undefined;
}

export interface AddressPlan {
  readonly sliverIpv4Range: string;
  readonly ipv6Prefix: string | null;
  readonly idBase: number;
}

export interface SliverAddresses {
  readonly ipv4: string;
  readonly ipv6: string | null;
  readonly idBase: number;
}

const ranges = new WeakMap<AddressPlan, Ipv4Range>();

/** Parsed once for each plan: addresses are asked for all the time. */
function rangeOf(plan: AddressPlan): Ipv4Range {
  const range = ranges.get(plan) ?? parseIpv4Range(plan.sliverIpv4Range);
  if (range === undefined) throw new RangeError(`not an address range: ${plan.sliverIpv4Range}`);
  ranges.set(plan, range);
  return range;
}

/** What a sliver is called in the network and in the kernel, from its index alone. Throws `conflict` where none is left. */
export function addressesOf(plan: AddressPlan, index: number): SliverAddresses {
  const range = rangeOf(plan);
  if (index < FIRST_INDEX) throw new RangeError(`not the index of a sliver: ${index}`);
  if (index > lastIndex(plan))
    throw new PlanetLabError(
      'conflict',
      `"sliverIpv4Range" in config.json, ${plan.sliverIpv4Range}, has no address for a sliver that is there, the one numbered ${index}. Make the range larger and start again.`,
    );
  const number = range.first + index;
  const ipv4 = [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
  return {
    ipv4,
    ipv6: plan.ipv6Prefix === null ? null : `${plan.ipv6Prefix.replace(/::\/64$/, '')}::${index.toString(16)}`,
    idBase: plan.idBase + index * IDS_PER_SLIVER,
  };
}

/** Highest index for which addresses and ids are left. */
export function lastIndex(plan: AddressPlan): number {
  const addresses = rangeOf(plan).size - 2;
  const ids = Math.floor((2 ** 32 - 2 - plan.idBase) / IDS_PER_SLIVER) - 1;
  return Math.min(addresses, ids, MOST_SLIVERS);
}

/** The lowest index that is free, or undefined when there is none. */
export function freeIndex(plan: AddressPlan, taken: ReadonlySet<number>): number | undefined {
  const last = lastIndex(plan);
  for (let index = FIRST_INDEX; index <= last; index++) if (!taken.has(index)) return index;
  return undefined;
}
