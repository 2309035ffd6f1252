import type { LeaseRequest } from '@planetlab/contract';
import { generateKeyPair } from '@planetlab/credentials';
import { HOUR_MS, isPlanetLabError, Resources, type ResourcesInput, toInstant } from '@planetlab/model';
import { afterAll, describe, expect, it } from 'vitest';
import { NO_DECISIONS } from '../admission/decisions.ts';
import { defaultPolicy } from '../admission/policy.ts';
import { AUTHORITY, credentialOf, IMAGE, NODE, NOW_MS, slice, storeIn, temporaryFolder } from '../testing/fixtures.ts';
import { createLeaseService } from './lease-service.ts';

const stack = new DisposableStack();
const holder = generateKeyPair();
const HOST = { cpuReservedMillis: 4000, memoryMiB: 1000, diskMiB: 100_000, processes: 20_000, egressMinKbps: 100_000 };

function setUp() {
  const folder = stack.use(temporaryFolder());
  const key = generateKeyPair();
  const store = stack.adopt(storeIn(folder.path, key), (open) => open.close());
  const told: (readonly string[])[] = [];
  const service = createLeaseService({
    ...{ node: { ...NODE, key }, store, host: HOST, now: () => NOW_MS, growsVolume: () => true },
    policy: defaultPolicy({ name: AUTHORITY, key: generateKeyPair().publicKey }),
    decisions: () => NO_DECISIONS,
    images: { list: () => [{ name: IMAGE, digest: 'd'.repeat(64), sizeMiB: 1, importedAt: toInstant(NOW_MS) }] },
    addresses: { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: null, idBase: 100_000_000 },
    ownPorts: () => new Set<string>(),
    changed: (slices) => told.push(slices),
  });
  const ask = (...requests: readonly LeaseRequest[]) =>
    [...service.requestAll(requests, credentialOf(holder))].map(([of, outcome]) =>
      isPlanetLabError(outcome) ? `${of}: ${outcome.code}` : `${of} ${store.sliver(of)?.index}`,
    );
  return { store, service, told, ask };
}

const request = (name: string, resources: ResourcesInput): LeaseRequest => ({
  ...{ slice: slice(name), image: IMAGE, keys: [], expiresAt: toInstant(NOW_MS + HOUR_MS) },
  resources: Resources.parse({ diskMiB: 16, ...resources }),
});

describe('leases that are asked for together', () => {
  afterAll(() => stack.dispose());

  it('are granted in their order as far as there is room, and told of once', () => {
    const { store, told, ask } = setUp();
    const [large, small] = [{ memoryMiB: 600 }, { memoryMiB: 100 }];
    expect(ask(request('a1_x', large), request('b2_y', large), request('c3_z', small))).toEqual([
      'a1_x 2',
      'b2_y: insufficient_resources',
      'c3_z 3',
    ]);
    expect(told).toEqual([['a1_x', 'c3_z']]);
    expect(store.bound().sums.memoryMiB).toBe(700);
    expect(ask(request('a1_x', small))).toEqual(['a1_x 2']); // it has one already
    expect(told).toHaveLength(1);
  });

  it('do not get the same port', () => {
    const { ask } = setUp();
    const ports = [{ protocol: 'tcp' as const, port: 80 }];
    expect(ask(request('a1_x', { memoryMiB: 100, ports }), request('b2_y', { memoryMiB: 100, ports }))).toEqual([
      'a1_x 2',
      'b2_y: conflict',
    ]);
  });
});
