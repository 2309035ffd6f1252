import { DEFAULT_RESOURCES, ImageName, LeaseId, SliceName, toInstant } from '@planetlab/model';
import { expect, it } from 'vitest';
import type { NodeSliver } from '../node/types.ts';
import { digestOfLeases, digestOfSlivers, type KnownLease, knownSliver } from './known.ts';

const slice = SliceName.parse('demo_a');
const id = LeaseId.parse('0b0c1f6e-6a52-4c3e-8d0e-0f4a3c1d2e5f');
const lease: KnownLease = { id, slice, expiresAt: toInstant(0), resources: DEFAULT_RESOURCES };
const sliver: NodeSliver = {
  ...{ slice, leaseId: id, state: 'running', reason: null, since: toInstant(0), expiresAt: toInstant(0) },
  ...{ image: ImageName.parse('debian-12'), resources: DEFAULT_RESOURCES, ipv4: '10.0.0.1', ipv6: null },
};
const other = SliceName.parse('demo_b');

it('has one digest for the same leases, in whatever order they and their resources are written', () => {
  const turned = Object.fromEntries(Object.entries(DEFAULT_RESOURCES).reverse()) as typeof DEFAULT_RESOURCES;
  const two = [lease, { ...lease, slice: other }];
  expect(
    digestOfLeases([
      { ...lease, slice: other },
      { ...lease, resources: turned },
    ]),
  ).toBe(digestOfLeases(two));
});

it('has another digest when a lease was renewed, binds other resources, or is stopped', () => {
  const changes: Partial<KnownLease>[] = [
    { expiresAt: toInstant(1) },
    { resources: { ...DEFAULT_RESOURCES, memoryMiB: 7 } },
    { stopped: 'its owner asked' },
  ];
  const digests = [{}, ...changes].map((change) => digestOfLeases([{ ...lease, ...change }]));
  expect(new Set([...digests, digestOfLeases([])]).size).toBe(5);
});

it('has another digest of a sliver for all that is acted on in its report, and for a new notice', () => {
  const reason = { code: 'no_room', message: 'The disk is full.' };
  const changes: Partial<NodeSliver>[] = [
    ...[{ state: 'failed' as const }, { reason }, { ipv4: null }, { ipv6: 'fd00::1' }],
    { notices: [{ at: toInstant(0), ...reason }] },
  ];
  const digests = [{}, ...changes].map((change) => digestOfSlivers([knownSliver({ ...sliver, ...change })]));
  expect(new Set([...digests, digestOfSlivers([])]).size).toBe(7);
  const renewed = { ...sliver, since: toInstant(5), expiresAt: toInstant(5) };
  expect(digestOfSlivers([knownSliver(renewed)])).toBe(digests[0]);
});
