import { randomUUID } from 'node:crypto';
import type { LeaseRecord, NodeSliver } from '@planetlab/contract';
import {
  DEFAULT_RESOURCES,
  HOUR_MS,
  ImageName,
  LeaseId,
  PersonEmail,
  Principal,
  SliceName,
  type SliverState,
  Thumbprint,
  toInstant,
} from '@planetlab/model';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { accessHashOf, pauseKeyOf, pauseMs, planNode, renewalTimeMs } from './plan.ts';
import type { BrokerSliver, NodeView } from './types.ts';

const NOW = Date.UTC(2026, 0, 1);
const slice = SliceName.parse('demo_a');
const NO_KEYS = accessHashOf([]);

const sliver = (change: Partial<BrokerSliver> = {}): BrokerSliver => ({
  id: randomUUID(),
  slice,
  wanted: true,
  sliceEndsMs: NOW + 100 * HOUR_MS,
  image: ImageName.parse('debian-12'),
  resources: DEFAULT_RESOURCES,
  leaseId: null,
  keys: [],
  accessHash: null,
  ...change,
});
const lease = (change: Partial<LeaseRecord> = {}): LeaseRecord => ({
  id: LeaseId.parse(randomUUID()),
  slice,
  holder: Thumbprint.parse('a'.repeat(43)),
  principal: Principal.parse('broker:test'),
  image: ImageName.parse('debian-12'),
  resources: DEFAULT_RESOURCES,
  grantedAt: toInstant(NOW),
  expiresAt: toInstant(NOW + HOUR_MS),
  token: '',
  ...change,
});
const report = (of: LeaseRecord, state: SliverState): NodeSliver => ({
  slice: of.slice,
  state,
  reason: null,
  since: toInstant(NOW),
  leaseId: of.id,
  expiresAt: of.expiresAt,
  image: of.image,
  resources: of.resources,
  ipv4: null,
  ipv6: null,
});
const view = (slivers: BrokerSliver[], leases: LeaseRecord[] = [], change: Partial<NodeView> = {}): NodeView => ({
  slivers,
  leases: new Map(leases.map((held) => [held.slice, held])),
  reports: new Map(),
  renewAtMs: new Map(leases.map((held) => [held.id, NOW + HOUR_MS / 2])),
  pausedUntilMs: new Map(),
  busy: new Set(),
  ...change,
});
const typesOf = (given: NodeView, nowMs = NOW) => planNode(given, nowMs, HOUR_MS).steps.map(({ type }) => type);

it('asks for a lease when a sliver is wanted and there is none', () => {
  const wanted = sliver();
  const { steps } = planNode(view([wanted]), NOW, HOUR_MS);
  expect(steps).toEqual([{ type: 'request', sliver: wanted, endsMs: NOW + HOUR_MS }]);
});

it('never asks for more than is left of the slice', () => {
  const { steps } = planNode(view([sliver({ sliceEndsMs: NOW + 1000 })]), NOW, HOUR_MS);
  expect(steps[0]).toMatchObject({ endsMs: NOW + 1000 });
  expect(typesOf(view([sliver({ sliceEndsMs: NOW })]))).toEqual([]);
});

it('leaves a slice alone while a request about it is under way', () => {
  expect(typesOf(view([sliver()], [], { busy: new Set([slice]) }))).toEqual([]);
});

it('waits for the end of a pause and says when to look again', () => {
  const wanted = sliver();
  const plan = planNode(view([wanted], [], { pausedUntilMs: new Map([[wanted.id, NOW + 500]]) }), NOW, HOUR_MS);
  expect(plan).toEqual({ steps: [], nextMs: NOW + 500 });
});

it('takes over a lease that it finds on the node', () => {
  const held = lease();
  expect(typesOf(view([sliver()], [held]))).toEqual(['adopt']);
});

it('does nothing about a sliver whose lease, keys and time are as they should be', () => {
  const held = lease();
  const plan = planNode(view([sliver({ leaseId: held.id, accessHash: NO_KEYS })], [held]), NOW, HOUR_MS);
  expect(plan).toEqual({ steps: [], nextMs: NOW + HOUR_MS / 2 });
});

it('renews at half of the time, up to the end of the slice and not beyond', () => {
  const held = lease();
  const wanted = sliver({ leaseId: held.id, accessHash: NO_KEYS });
  expect(typesOf(view([wanted], [held]), NOW + HOUR_MS / 2)).toEqual(['renew']);
  const last = sliver({ ...wanted, sliceEndsMs: NOW + HOUR_MS });
  expect(planNode(view([last], [held]), NOW + HOUR_MS / 2, HOUR_MS)).toEqual({
    steps: [],
    nextMs: Number.POSITIVE_INFINITY,
  });
});

it('pushes the access list when people or their keys changed', () => {
  const held = lease();
  const key = { person: PersonEmail.parse('ada@example.org'), key: 'ssh-ed25519 AAAA ada' };
  expect(typesOf(view([sliver({ leaseId: held.id, accessHash: NO_KEYS, keys: [key] })], [held]))).toEqual(['access']);
  expect(accessHashOf([key])).not.toBe(NO_KEYS);
});

it('ends leases of slivers that are no longer wanted, and those nobody knows of', () => {
  const held = lease();
  expect(typesOf(view([sliver({ wanted: false, leaseId: held.id })], [held]))).toEqual(['end']);
  expect(typesOf(view([], [held]))).toEqual(['end']);
});

it('forgets a sliver only when the node no longer reports it', () => {
  const held = lease();
  const old = sliver({ wanted: false, leaseId: held.id });
  expect(typesOf(view([old], [], { reports: new Map([[slice, report(held, 'stopping')]]) }))).toEqual([]);
  expect(typesOf(view([old]))).toEqual(['forget']);
});

it('lets an old sliver end before a new one of the same slice begins', () => {
  const held = lease();
  const slivers = [sliver({ wanted: false, leaseId: held.id }), sliver()];
  expect(typesOf(view(slivers, [held]))).toEqual(['end']);
  expect(typesOf(view(slivers))).toEqual(['forget']);
});

it('ends a lease that may be the answer to a request of a sliver taken off meanwhile', () => {
  expect(typesOf(view([sliver({ wanted: false }), sliver()], [lease()]))).toEqual(['end']);
});

it('comes to rest from any state by taking its own steps', () => {
  const states = fc.record({
    wanted: fc.boolean(),
    old: fc.boolean(),
    leased: fc.constantFrom('none', 'of wanted', 'of old', 'unknown'),
    noted: fc.boolean(),
  });
  fc.assert(
    fc.property(states, ({ wanted, old, leased, noted }) => {
      const held = lease();
      const leaseIdIf = (whose: string) => (leased === whose && noted ? held.id : null);
      let slivers = [
        ...(wanted ? [sliver({ leaseId: leaseIdIf('of wanted') })] : []),
        ...(old ? [sliver({ wanted: false, leaseId: leaseIdIf('of old') })] : []),
      ];
      let leases = leased === 'none' ? [] : [held];
      for (let round = 0; round < 10; round++) {
        const [step] = planNode(view(slivers, leases), NOW, HOUR_MS).steps;
        if (step === undefined) break;
        const replace = (id: string, change: Partial<BrokerSliver>) => {
          slivers = slivers.map((one) => (one.id === id ? { ...one, ...change } : one));
        };
        if (step.type === 'end') leases = [];
        else if (step.type === 'forget') slivers = slivers.filter((one) => one.id !== step.sliver.id);
        else if (step.type === 'access') replace(step.sliver.id, { accessHash: step.hash });
        else if (step.type === 'adopt') replace(step.sliver.id, { leaseId: step.lease.id });
        else if (step.type === 'request') {
          leases = [lease()];
          replace(step.sliver.id, { leaseId: leases[0]?.id ?? null, accessHash: NO_KEYS });
        }
      }
      expect(slivers.map((one) => one.wanted)).toEqual(wanted ? [true] : []);
      expect(leases).toHaveLength(wanted ? 1 : 0);
      if (wanted) expect(slivers[0]?.leaseId).toBe(leases[0]?.id);
    }),
  );
});

it('waits longer after each failure, up to five minutes', () => {
  expect([1, 2, 3, 20].map(pauseMs)).toEqual([2000, 4000, 8000, 300_000]);
});

it('gives each kind of failure a pause of its own', () => {
  const one = sliver();
  const keys = [
    pauseKeyOf({ type: 'request', sliver: one, endsMs: 0 }),
    pauseKeyOf({ type: 'access', sliver: one, hash: '' }),
    pauseKeyOf({ type: 'forget', sliver: one }),
    pauseKeyOf({ type: 'end', slice, lease: lease() }),
  ];
  expect(new Set(keys).size).toBe(4);
});

it('plans a renewal when half of what was granted is over', () => {
  expect(renewalTimeMs(lease(), NOW)).toBe(NOW + HOUR_MS / 2);
});
