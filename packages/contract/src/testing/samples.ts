import { NodeFacts } from '../node/types.ts';
import { PlcNode, Site, Slice, Sliver } from '../plc/types.ts';

/** Times in samples are around it. */
export const NOW_MS = Date.parse('2026-03-01T12:00:00.000Z');
export const before = (ms: number): string => new Date(NOW_MS - ms).toISOString();

const DAY_MS = 86_400_000;

/** What a test puts in instead. It is parsed with the rest, and what the contract does not know is an error. */
type Over = Readonly<Record<string, unknown>>;

const SUMS = {
  cpuReservedMillis: 8000,
  memoryMiB: 8192,
  diskMiB: 100_000,
  processes: 5000,
  egressMinKbps: 1_000_000,
};

const ID = '7a0f0f7e-9b57-4d2c-8b06-5f2f6f2d1c11';

/** What a node says of itself. */
export const facts = (over: Over = {}): NodeFacts =>
  NodeFacts.strict().parse({
    id: ID,
    name: 'tokyo',
    version: '0.1.0',
    clock: before(0),
    startedAt: before(3_600_000),
    vmm: { driver: 'oci', detail: 'crun 1.8.1', simulated: false },
    kernel: '6.12',
    architecture: 'x64',
    place: null,
    capacity: SUMS,
    leased: { ...SUMS, memoryMiB: 512 },
    ipv4: null,
    ipv6Prefix: null,
    ssh: null,
    images: ['debian-12'],
    features: [],
    slivers: 2,
    ...over,
  });

/** A node in service, about which nobody has decided anything. */
export function aNode(over: Over = {}): PlcNode {
  const { id = ID, name = 'tokyo' } = over;
  return PlcNode.strict().parse({
    id,
    name,
    site: 'keio',
    place: { city: 'Tokyo', country: 'JP', latitude: 35.68, longitude: 139.69 },
    runLevel: 'boot',
    state: 'connected',
    reason: null,
    lastSeenAt: before(5000),
    createdAt: before(DAY_MS),
    facts: facts({ id, name }),
    slivers: 2,
    groups: [],
    tags: {},
    runLevelDecision: null,
    drain: null,
    quarantine: null,
    reboot: null,
    interfaces: [],
    addresses: [],
    certificateExpiresAt: null,
    ...over,
  });
}

export const aSite = (over: Over = {}): Site =>
  Site.strict().parse({
    name: 'demo',
    title: 'Demo',
    url: '',
    place: null,
    createdAt: before(DAY_MS),
    nodes: 0,
    slices: 0,
    maxSlices: 100,
    closed: null,
    ...over,
  });

/** A slice on two nodes, on one of which it runs. */
export const aSlice = (over: Over = {}): Slice =>
  Slice.strict().parse({
    name: 'demo_hello',
    site: 'demo',
    description: 'Says hello',
    url: '',
    image: 'debian-12',
    resources: { memoryMiB: 512 },
    createdAt: before(DAY_MS),
    expiresAt: before(-14 * DAY_MS),
    persons: ['ada@example.org'],
    slivers: 2,
    running: 1,
    initialCommand: '',
    maxNodes: null,
    suspensions: [],
    ...over,
  });

/** A sliver that runs. */
export const aSliver = (over: Over = {}): Sliver =>
  Sliver.strict().parse({
    slice: 'demo_hello',
    node: 'tokyo',
    state: 'running',
    reason: null,
    since: before(60_000),
    requestedAt: before(61_000),
    timeToRunningMs: 480,
    leaseId: null,
    leaseExpiresAt: null,
    ipv4: '10.100.0.2',
    ipv6: 'fd00::2',
    ssh: { host: 'tokyo.lab', port: 2222 },
    ...over,
  });
