import type { NodeState, RunLevel } from '@planetlab/model';

/** Types of CEL. An `int` is a whole number; whole numbers and others may be compared with each other. */
export type AttributeType = 'string' | 'int' | 'double' | 'bool' | 'list<string>' | 'map<string, string>';

/** Who says so: the authority's records, the node of itself, what was measured a moment ago, or the distance to `near` of the request. */
export type AttributeSource = 'authority' | 'node' | 'sensor' | 'request';

export interface Attribute {
  readonly type: AttributeType;
  readonly from: AttributeSource;
  /** With its unit where it has one. */
  readonly meaning: string;
}

const attribute = <T extends AttributeType, F extends AttributeSource>(type: T, from: F, meaning: string) =>
  ({ type, from, meaning }) as const;

/** Everything that an expression may ask of a node. docs/selection.md shows this table; a test compares them. */
export const ATTRIBUTES = {
  name: attribute('string', 'authority', 'its name'),
  site: attribute('string', 'authority', 'the site it belongs to'),
  city: attribute('string', 'authority', 'where it stands'),
  country: attribute('string', 'authority', 'two capital letters, such as "CH"'),
  latitude: attribute('double', 'authority', 'in degrees; north is positive'),
  longitude: attribute('double', 'authority', 'in degrees; east is positive'),
  asn: attribute('int', 'authority', 'number of its network (autonomous system), from the tag "asn"'),
  tags: attribute('map<string, string>', 'authority', 'its tags, such as tags.rack == "b4"'),
  state: attribute('string', 'authority', '"registered", "connected" or "disconnected"'),
  run_level: attribute('string', 'authority', '"boot", "safeboot", "reinstall", "disabled" or "failboot"'),
  slivers: attribute('int', 'authority', 'how many slivers are wanted on it'),
  age_days: attribute('double', 'authority', 'days since it was registered'),
  seen_s: attribute('double', 'authority', 'seconds since it was last heard of'),
  up_hours: attribute('double', 'node', 'hours since its node manager started'),
  version: attribute('string', 'node', 'version of its node manager'),
  vmm: attribute('string', 'node', 'driver that runs its machines, such as "oci"'),
  simulated: attribute('bool', 'node', 'whether its machines are only simulated'),
  kernel: attribute('string', 'node', 'release of its kernel'),
  architecture: attribute('string', 'node', 'such as "x86_64"'),
  images: attribute('list<string>', 'node', 'images it has, such as "debian-12"'),
  features: attribute('list<string>', 'node', 'features its host offers'),
  ipv4: attribute('bool', 'node', 'whether it has a public IPv4 address'),
  ipv6: attribute('bool', 'node', 'whether it has an IPv6 prefix for its slivers'),
  cores: attribute('double', 'node', 'CPU that may be reserved, in cores'),
  cores_free: attribute('double', 'node', 'of that, not reserved'),
  memory_mib: attribute('int', 'node', 'memory for slivers, in MiB'),
  memory_free_mib: attribute('int', 'node', 'of that, not promised'),
  disk_mib: attribute('int', 'node', 'disk for slivers, in MiB'),
  disk_free_mib: attribute('int', 'node', 'of that, not promised'),
  processes: attribute('int', 'node', 'processes for slivers'),
  processes_free: attribute('int', 'node', 'of that, not promised'),
  egress_kbps: attribute('int', 'node', 'rate out that may be guaranteed, in kbit/s'),
  egress_free_kbps: attribute('int', 'node', 'of that, not guaranteed'),
  load: attribute('double', 'sensor', 'processes that run or want to, over a minute, for each of its cores'),
  cores_idle: attribute('double', 'sensor', 'processor time that nobody uses, in cores'),
  memory_available_mib: attribute('int', 'sensor', 'memory of its machine that is not in use, in MiB'),
  disk_available_mib: attribute('int', 'sensor', 'disk of its machine that is not in use, in MiB'),
  rtt_ms: attribute('double', 'sensor', 'round-trip time between it and the authority, in ms'),
  clock_offset_ms: attribute('double', 'sensor', 'how far its clock is ahead of the authority’s, in ms'),
  measured_s: attribute('double', 'sensor', 'seconds since all of these were measured'),
  available_day: attribute(
    'double',
    'sensor',
    'in how much of the last day, or of the time since it joined, it was connected, from 0 to 1',
  ),
  available_week: attribute('double', 'sensor', 'the same of the last seven days'),
  distance_km: attribute('double', 'request', 'great-circle distance to "near", in km'),
  latency_ms: attribute(
    'double',
    'request',
    'round-trip time to "near", in ms: measured where known, else estimated by distance',
  ),
} as const satisfies Record<string, Attribute>;

export type AttributeName = keyof typeof ATTRIBUTES;
export const ATTRIBUTE_NAMES = Object.keys(ATTRIBUTES) as readonly AttributeName[];
export const isAttributeName = (text: string): text is AttributeName => Object.hasOwn(ATTRIBUTES, text);

interface ValueOfType {
  readonly string: string;
  readonly int: number;
  readonly double: number;
  readonly bool: boolean;
  readonly 'list<string>': readonly string[];
  readonly 'map<string, string>': Readonly<Record<string, string>>;
}

/** A candidate's attributes; null for one that is not known. Those of the request are worked out here. */
export type Attributes = {
  readonly [K in AttributeName as (typeof ATTRIBUTES)[K]['from'] extends 'request' ? never : K]:
    | (K extends 'state' ? NodeState : K extends 'run_level' ? RunLevel : ValueOfType[(typeof ATTRIBUTES)[K]['type']])
    | null;
};

/** With those that come from the request. */
export type AllAttributes = Attributes & { readonly distance_km: number | null; readonly latency_ms: number | null };
