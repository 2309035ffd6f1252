import { PlcNode, Slice, Sliver } from '@planetlab/contract';

/** Things for unit tests, each whole and valid, with what the test is about put in. Times are around `NOW_MS`. */
export const NOW_MS = Date.parse('2026-03-01T12:00:00.000Z');
export const before = (ms: number): string => new Date(NOW_MS - ms).toISOString();

const sums = {
  cpuReservedMillis: 8000,
  memoryMiB: 8192,
  diskMiB: 100_000,
  processes: 5000,
  egressMinKbps: 1_000_000,
};

export const aNode = (over: Record<string, unknown> = {}): PlcNode => {
  const id = '7a0f0f7e-9b57-4d2c-8b06-5f2f6f2d1c11';
  const name = String(over['name'] ?? 'tokyo');
  return PlcNode.parse({
    id,
    name,
    site: 'keio',
    place: { city: 'Tokyo', country: 'JP', latitude: 35.68, longitude: 139.69 },
    runLevel: 'boot',
    state: 'connected',
    reason: null,
    lastSeenAt: before(5000),
    createdAt: before(86_400_000),
    facts: {
      id,
      name,
      version: '0.1.0',
      clock: before(0),
      startedAt: before(3_600_000),
      vmm: { driver: 'oci', detail: 'crun 1.8.1', simulated: false },
      kernel: '6.12',
      architecture: 'x64',
      place: null,
      capacity: sums,
      leased: { ...sums, memoryMiB: 512 },
      ipv4: null,
      ipv6Prefix: null,
      ssh: null,
      images: ['debian-12'],
      features: [],
      slivers: 2,
    },
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
};

export const aSlice = (over: Record<string, unknown> = {}): Slice =>
  Slice.parse({
    name: 'demo_hello',
    site: 'demo',
    description: 'Says hello',
    url: '',
    image: 'debian-12',
    resources: { memoryMiB: 512 },
    createdAt: before(86_400_000),
    expiresAt: before(-14 * 86_400_000),
    persons: ['ada@example.org'],
    slivers: 2,
    running: 1,
    initialCommand: '',
    maxNodes: null,
    suspensions: [],
    ...over,
  });

export const aSliver = (over: Record<string, unknown> = {}): Sliver =>
  Sliver.parse({
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
