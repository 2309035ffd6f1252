import { randomUUID } from 'node:crypto';
import { AuthorityInfo, type PlcNode, type Slice, type Sliver } from '@planetlab/contract';
import { aNode, aSlice, aSliver, facts } from '@planetlab/contract/testing';
import { DEFAULT_RESOURCES, type Place, sumsOf } from '@planetlab/model';

/** What an authority would say, made up but plausible. Tests change it and tell the watchers. */
export interface ConsoleWorld {
  readonly authority: AuthorityInfo;
  nodes: PlcNode[];
  slices: Slice[];
  slivers: Sliver[];
}

interface WorldOptions {
  readonly nodes: number;
  readonly simulated?: boolean;
  /** Everything in service and running. */
  readonly healthy?: boolean;
}

const CITIES = `princeton Princeton US 40.35 -74.66|berkeley Berkeley US 37.87 -122.27|zurich Zürich CH 47.38 8.54
sao-paulo São_Paulo BR -23.55 -46.63|tokyo Tokyo JP 35.68 139.69|cambridge Cambridge GB 52.21 0.12
singapore Singapore SG 1.35 103.82|cape-town Cape_Town ZA -33.92 18.42|sydney Sydney AU -33.87 151.21
bangalore Bangalore IN 12.97 77.59|toronto Toronto CA 43.65 -79.38|helsinki Helsinki FI 60.17 24.94
tel-aviv Tel_Aviv IL 32.09 34.78|beijing Beijing CN 39.9 116.41|santiago Santiago CL -33.45 -70.67
nairobi Nairobi KE -1.29 36.82|seattle Seattle US 47.61 -122.33|lisbon Lisbon PT 38.72 -9.14
warsaw Warsaw PL 52.23 21.01|auckland Auckland NZ -36.85 174.76|paris Paris FR 48.85 2.35|berlin Berlin DE 52.52 13.4
madrid Madrid ES 40.42 -3.7|rome Rome IT 41.9 12.5|austin Austin US 30.27 -97.74|boston Boston US 42.36 -71.06
seoul Seoul KR 37.57 126.98|taipei Taipei TW 25.03 121.57|reykjavik Reykjavík IS 64.15 -21.94|honolulu Honolulu US 21.3 -157.86`
  .split(/[|\n]/)
  .map((line) => {
    const [name = '', city = '', country = '', latitude, longitude] = line.split(' ');
    return {
      name,
      place: { city: city.replaceAll('_', ' '), country, latitude: Number(latitude), longitude: Number(longitude) },
    };
  });

const MINUTE_MS = 60_000;
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const ahead = (ms: number): string => ago(-ms);

export function makeWorld(options: WorldOptions): ConsoleWorld {
  const nodes = Array.from({ length: options.nodes }, (_, index) => makeNode(index, options));
  const world: ConsoleWorld = { authority: makeAuthority(), nodes, slices: [], slivers: [] };
  if (options.nodes === 0) return world;
  addSlice(world, 'demo_hello', 'Says hello from every node', nodes, options);
  if (options.nodes > 2) {
    const some = nodes.filter((_, index) => index % 3 !== 1);
    addSlice(world, 'princeton_codeen', 'Open web proxies that cache what many ask for', some, options, 4);
    addSlice(world, 'berkeley_bamboo', '', nodes.slice(0, Math.ceil(options.nodes / 4)), options, 40);
  }
  return recounted(world);
}

/** Sets the state of one sliver, and what depends on it. */
export function setSliver(world: ConsoleWorld, slice: string, node: string, over: Partial<Sliver>): void {
  world.slivers = world.slivers.map((sliver) =>
    sliver.slice === slice && sliver.node === node ? { ...sliver, since: ago(0), ...over } : sliver,
  );
  recounted(world);
}

export function setNode(world: ConsoleWorld, name: string, over: Partial<PlcNode>): void {
  world.nodes = world.nodes.map((node) => (node.name === name ? { ...node, ...over } : node));
}

function recounted(world: ConsoleWorld): ConsoleWorld {
  const count = (match: (sliver: Sliver) => boolean) => world.slivers.filter(match).length;
  world.nodes = world.nodes.map((node) => {
    const slivers = count((sliver) => sliver.node === node.name);
    const leased = { ...sumsOf(DEFAULT_RESOURCES), memoryMiB: slivers * 256 };
    return { ...node, slivers, facts: node.facts === null ? null : { ...node.facts, slivers, leased } };
  });
  world.slices = world.slices.map((slice) => ({
    ...slice,
    slivers: count((sliver) => sliver.slice === slice.name),
    running: count((sliver) => sliver.slice === slice.name && sliver.state === 'running'),
  }));
  return world;
}

/** Of many nodes, one in nine is away, one in fourteen has not joined, one in seventeen has the wrong time. */
function makeNode(index: number, { simulated = false, healthy = false }: WorldOptions): PlcNode {
  const city = CITIES[index % CITIES.length] ?? { name: 'nowhere', place: null };
  const round = Math.floor(index / CITIES.length);
  const id = randomUUID();
  const name = round === 0 ? city.name : `${city.name}${round + 1}`;
  const state = healthy
    ? 'connected'
    : index % 14 === 13
      ? 'registered'
      : index % 9 === 8
        ? 'disconnected'
        : 'connected';
  const skewed = !healthy && state === 'connected' && index % 17 === 16;
  const reasons = {
    registered: {
      code: 'not_joined',
      message: 'No machine has joined as this node yet. Its join token is good for 20 more hours.',
    },
    disconnected: {
      code: 'node_unreachable',
      message: 'Its uplink closed 12 minutes ago; it is expected to call again by itself.',
    },
    connected: skewed ? { code: 'clock_skew', message: 'Its clock is 10 minutes ahead; set it by NTP.' } : null,
  };
  return aNode({
    id,
    name,
    site: city.name.replaceAll('-', ''),
    place: drifted(city.place, round),
    state,
    reason: reasons[state],
    lastSeenAt: state === 'registered' ? null : ago(state === 'connected' ? 4000 : 12 * MINUTE_MS),
    createdAt: ago((3 + index) * 24 * 60 * MINUTE_MS),
    facts: state === 'registered' ? null : factsOf(id, name, index, simulated),
    slivers: 0,
  });
}

const factsOf = (id: string, name: string, index: number, simulated: boolean) =>
  facts({
    id,
    name,
    clock: ago(0),
    startedAt: ago((5 + index * 37) * MINUTE_MS),
    ...(simulated ? { vmm: { driver: 'simulated', detail: 'nothing runs', simulated: true } } : {}),
    architecture: index % 5 === 4 ? 'arm64' : 'x64',
    capacity: {
      ...{ cpuReservedMillis: 64_000, memoryMiB: 4096 * (1 + (index % 4)), diskMiB: 200_000 },
      ...{ processes: 30_000, egressMinKbps: 1_000_000 },
    },
    leased: sumsOf(DEFAULT_RESOURCES),
    ipv4: `192.0.2.${(index % 250) + 1}`,
    ipv6Prefix: `2001:db8:${index.toString(16)}::/64`,
    ssh: { host: `${name}.lab`, port: 2222 },
    features: [{ feature: 'project quotas', available: index % 3 !== 0, reason: 'the kernel was built without them' }],
    slivers: 0,
  });

/** Further nodes of a city stand on the same spot, every other one in the next town. */
const drifted = (place: Place | null, round: number): Place | null =>
  place === null || round % 2 === 0
    ? place
    : { ...place, latitude: place.latitude - 1.5, longitude: place.longitude - 2 };

function addSlice(
  world: ConsoleWorld,
  name: string,
  description: string,
  nodes: readonly PlcNode[],
  { healthy = false }: WorldOptions,
  expiresInDays = 14,
): void {
  world.slices.push(
    aSlice({
      name,
      site: name.split('_')[0],
      description,
      resources: DEFAULT_RESOURCES,
      createdAt: ago(24 * 60 * MINUTE_MS),
      expiresAt: ahead(expiresInDays * 24 * 60 * MINUTE_MS),
      persons: ['ada@example.org', 'grace@example.org'],
      slivers: 0,
      running: 0,
    }),
  );
  world.slivers.push(...nodes.map((node, index) => makeSliver(name, node, healthy ? 0 : index)));
}

function makeSliver(slice: string, node: PlcNode, index: number): Sliver {
  const state =
    node.state !== 'connected'
      ? 'unreachable'
      : index % 13 === 11
        ? 'refused'
        : index % 19 === 17
          ? 'failed'
          : 'running';
  const reasons: Partial<Record<typeof state, { code: string; message: string }>> = {
    refused: {
      code: 'resources_exceeded',
      message: 'The node has 128 MiB of memory left to promise; this asks for 256 MiB.',
    },
    failed: {
      code: 'step_failed',
      message: 'Mounting the root failed: no space left on device. Tried again in 4 min.',
    },
    unreachable: { code: 'node_unreachable', message: 'Its node is not connected; it is asked as soon as it is.' },
  };
  const running = state === 'running';
  return aSliver({
    slice,
    node: node.name,
    state,
    reason: reasons[state] ?? null,
    since: ago((2 + index * 11) * MINUTE_MS),
    requestedAt: ago((3 + index * 11) * MINUTE_MS),
    timeToRunningMs: running ? 180 + ((index * 97) % 900) : null,
    leaseId: running ? randomUUID() : null,
    leaseExpiresAt: running ? ahead(60 * MINUTE_MS) : null,
    ipv4: running ? `10.128.0.${(index % 250) + 2}` : null,
    ipv6: running ? `2001:db8:${index.toString(16)}::${(index + 2).toString(16)}` : null,
    ssh: node.facts?.ssh ?? null,
  });
}

const makeAuthority = (): AuthorityInfo =>
  AuthorityInfo.parse({
    name: 'planetlab.example',
    version: '0.1.0',
    caPem: '',
    fingerprint: 'SHA256:0000',
    clock: ago(0),
    publicKey: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
  });
