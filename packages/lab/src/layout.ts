import { NodeName, type Place, PlanetLabError, plausibleRttMs } from '@planetlab/model';
import { CITIES } from './cities.ts';

export const MAX_NODES = CITIES.length;
export const MAX_SUBNET_INDEX = 254;
/** Sub-ids of one sliver, as every Linux distribution counts them. */
const FIRST_ID_BASE = 100_000_000;
const ID_RANGE_PER_NODE = 100_000_000;
const FIRST_NODE_HOST = 10;

/** What a layout is made from. The same input always gives the same layout. */
export interface LayoutInput {
  readonly name: string;
  /** 1 to MAX_NODES. */
  readonly nodes: number;
  /** The X of 198.18.X.0/24 and fd70:6c61:X::/48; 0 to MAX_SUBNET_INDEX. */
  readonly subnet: number;
}

/** One machine that the lab pretends: a network namespace with an address on the emulated wide-area network. */
export interface LabNode {
  readonly name: NodeName;
  readonly place: Place;
  /** The network namespace it lives in; begins with the lab's prefix, by which leftovers are found. */
  readonly namespace: string;
  readonly ipv4: string;
  /** Routed to the node as a whole; its slivers get their addresses from it. */
  readonly ipv6Prefix: string;
  /** The node's own address in that prefix. */
  readonly ipv6: string;
  /** First host uid and gid for this node's slivers, so that no two nodes of the lab share any. */
  readonly idBase: number;
}

/** The machine itself, as a stop on the emulated network: the PLC listens here, and people come from here. */
export interface LabHub {
  /** TUN device in the root namespace; at most 15 characters, the kernel's limit. */
  readonly device: string;
  readonly place: Place;
  readonly ipv4: string;
  readonly ipv6: string;
  readonly ipv6Prefix: string;
}

export interface LabLayout {
  readonly name: string;
  readonly subnet: number;
  /** All addresses of the lab. */
  readonly ipv4Range: string;
  readonly ipv6Range: string;
  readonly hub: LabHub;
  readonly nodes: readonly LabNode[];
}

/** Device of the wide-area network in each node's namespace. */
export const NODE_DEVICE = 'wan0';

/**
 * A lab's name stands in names of network devices (15 characters) and before a hyphen in names of namespaces: therefore
 * short, and without hyphens, so that no lab's prefix is the beginning of another's.
 */
export function checkLabName(name: string): string {
  if (/^[a-z0-9]{1,12}$/.test(name)) return name;
  throw new PlanetLabError(
    'malformed_name',
    `${JSON.stringify(name)} is not a valid name of a lab: use 1 to 12 lower-case letters and digits, such as "lab".`,
  );
}

/** Names of everything in the kernel that belongs to this lab begin with this. */
export const namespacePrefix = (labName: string): string => `planetlab-${labName}-`;
export const hubDevice = (labName: string): string => `pl-${labName}`;

export function labLayout(input: LayoutInput): LabLayout {
  const name = checkLabName(input.name);
  if (!Number.isInteger(input.nodes) || input.nodes < 1 || input.nodes > MAX_NODES) {
    throw new PlanetLabError('malformed_request', `A lab has 1 to ${MAX_NODES} nodes, not ${input.nodes}.`);
  }
  if (!Number.isInteger(input.subnet) || input.subnet < 0 || input.subnet > MAX_SUBNET_INDEX) {
    throw new RangeError(`subnet index out of range: ${input.subnet}`);
  }
  const { subnet } = input;
  const [home] = CITIES;
  const hubPrefix = `fd70:6c61:${subnet}:1`;
  return {
    name,
    subnet,
    ipv4Range: `198.18.${subnet}.0/24`,
    ipv6Range: `fd70:6c61:${subnet}::/48`,
    hub: {
      device: hubDevice(name),
      place: home.place,
      ipv4: `198.18.${subnet}.1`,
      ipv6: `${hubPrefix}::1`,
      ipv6Prefix: `${hubPrefix}::/64`,
    },
    nodes: CITIES.slice(0, input.nodes).map((city, index) => labNode(name, subnet, city, index)),
  };
}

function labNode(lab: string, subnet: number, city: { name: string; place: Place }, index: number): LabNode {
  const host = FIRST_NODE_HOST + index;
  const prefix = `fd70:6c61:${subnet}:${host}`;
  return {
    name: NodeName.parse(city.name),
    place: city.place,
    namespace: `${namespacePrefix(lab)}${city.name}`,
    ipv4: `198.18.${subnet}.${host}`,
    ipv6Prefix: `${prefix}::/64`,
    ipv6: `${prefix}::1`,
    idBase: FIRST_ID_BASE + index * ID_RANGE_PER_NODE,
  };
}

/** A stop on the emulated wide-area network: where packets enter and leave it. */
export interface WanPort {
  readonly name: string;
  /** The network namespace the device is in; null for the root namespace. */
  readonly namespace: string | null;
  readonly device: string;
  readonly ipv4: string;
  readonly ipv6Prefix: string;
}

/** Everything the wide-area network's process needs to know. */
export interface WanTopology {
  readonly ports: readonly WanPort[];
  /** `oneWayMs[from][to]`, symmetric, zero on the diagonal. */
  readonly oneWayMs: readonly (readonly number[])[];
}

/** The nodes and, as the last port, the hub: once the hub's device is up, all are. */
export function wanTopology(layout: LabLayout): WanTopology {
  const { hub } = layout;
  const places = [...layout.nodes.map((node) => node.place), hub.place];
  return {
    ports: [
      ...layout.nodes.map(({ name, namespace, ipv4, ipv6Prefix }) => ({
        name,
        namespace,
        device: NODE_DEVICE,
        ipv4,
        ipv6Prefix,
      })),
      { name: 'hub', namespace: null, device: hub.device, ipv4: hub.ipv4, ipv6Prefix: hub.ipv6Prefix },
    ],
    oneWayMs: places.map((from, i) => places.map((to, j) => (i === j ? 0 : oneWayMs(from, to)))),
  };
}

/** Half the plausible round trip, to the hundredth of a millisecond. */
const oneWayMs = (from: Place, to: Place): number => Math.round(plausibleRttMs(from, to) * 50) / 100;
