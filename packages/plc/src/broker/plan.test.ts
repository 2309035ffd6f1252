import { randomUUID } from 'node:crypto';
import type { LeaseRecord, NodeSliver } from '@planetlab/contract';
import {
  DEFAULT_RESOURCES,
  fromInstant,
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
import { accessHashOf, DEFAULT_LEASE_MS, pauseKeyOf, pauseMs, planNode, renewalTimeMs, tagsHashOf } from './plan.ts';
import type { BrokerSliver, BrokerStep, NodeView } from './types.ts';

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
  tags: {},
  tagsHash: null,
  initialCommand: '',
  stopped: null,
  held: null,
  shown: { state: 'requested', code: null },
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
  ends: false,
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

it('tells a sliver its tags when they changed or its lease is another one, and nothing where there are none', () => {
  const held = lease();
  const one = (change: Partial<BrokerSliver>) =>
    typesOf(view([sliver({ leaseId: held.id, accessHash: NO_KEYS, ...change })], [held]));
  const told = tagsHashOf(held.id, { role: 'seed', rack: '7' });
  expect(one({ tags: { role: 'seed' } })).toEqual(['tags']);
  expect(one({ tags: { rack: '7', role: 'seed' }, tagsHash: told })).toEqual([]);
  expect(one({ tags: {}, tagsHash: told })).toEqual(['tags']);
  expect(tagsHashOf(lease().id, { role: 'seed', rack: '7' })).not.toBe(told);
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

type Orders = 'run' | 'stop' | 'hold' | 'end';

/** As the broker and a node that does what it is told. */
class Model {
  slivers: BrokerSliver[];
  leases: LeaseRecord[];

  constructor(slivers: BrokerSliver[], leases: LeaseRecord[]) {
    this.slivers = slivers;
    this.leases = leases;
  }

  /** Takes one step after the other until there is none. */
  rest(orders: Orders): void {
    const held = orders === 'run' ? null : { code: 'node_draining', message: 'Held.' };
    const stopped = orders === 'stop' ? 'Stopped.' : null;
    this.slivers = this.slivers.map((one) => (one.wanted ? { ...one, held, stopped } : one));
    for (let round = 0; round < 12; round++) {
      const [step] = planNode(view(this.slivers, this.leases, { ends: orders === 'end' }), NOW, HOUR_MS).steps;
      if (step === undefined) return;
      this.#take(step);
    }
    throw new Error('it does not come to rest');
  }

  #take(step: BrokerStep): void {
    const [held] = this.leases;
    if (step.type === 'end') this.leases = [];
    else if (step.type === 'forget') this.slivers = this.slivers.filter((one) => one.id !== step.sliver.id);
    else if (step.type === 'access') this.#replace(step.sliver.id, { accessHash: step.hash });
    else if (step.type === 'tags') this.#replace(step.sliver.id, { tagsHash: step.hash });
    else if (step.type === 'adopt') this.#replace(step.sliver.id, { leaseId: step.lease.id });
    else if (step.type === 'hold')
      this.#replace(step.sliver.id, { shown: { state: 'refused', code: step.reason.code } });
    else if (step.type === 'stop' && held !== undefined) {
      const { stopped: _, ...terms } = held;
      this.leases = [step.sliver.stopped === null ? terms : { ...terms, stopped: step.sliver.stopped }];
    } else if (step.type === 'request') {
      this.leases = [lease()];
      this.#replace(step.sliver.id, { leaseId: this.leases[0]?.id ?? null, accessHash: NO_KEYS });
    }
  }

  #replace(id: string, change: Partial<BrokerSliver>): void {
    this.slivers = this.slivers.map((one) => (one.id === id ? { ...one, ...change } : one));
  }
}

const models = fc
  .record({
    wanted: fc.boolean(),
    old: fc.boolean(),
    leased: fc.constantFrom('none', 'of wanted', 'of old', 'unknown'),
    noted: fc.boolean(),
  })
  .map(({ wanted, old, leased, noted }) => {
    const held = lease();
    const leaseIdIf = (whose: string) => (leased === whose && noted ? held.id : null);
    const slivers = [
      ...(wanted ? [sliver({ leaseId: leaseIdIf('of wanted') })] : []),
      ...(old ? [sliver({ wanted: false, leaseId: leaseIdIf('of old') })] : []),
    ];
    return { wanted, model: new Model(slivers, leased === 'none' ? [] : [held]) };
  });
const orders = fc.constantFrom<Orders>('run', 'stop', 'hold', 'end');

it('comes to rest from any state by taking its own steps, whatever was ordered meanwhile', () => {
  fc.assert(
    fc.property(models, fc.array(orders, { maxLength: 4 }), ({ wanted, model }, decided) => {
      for (const order of [...decided, 'run'] as const) model.rest(order);
      expect(model.slivers.map((one) => one.wanted)).toEqual(wanted ? [true] : []);
      expect(model.leases).toHaveLength(wanted ? 1 : 0);
      expect(model.leases[0]?.stopped).toBeUndefined();
      if (wanted) expect(model.slivers[0]?.leaseId).toBe(model.leases[0]?.id);
    }),
  );
});

it('stops, holds and ends slivers as ordered, and tells people why there is none', () => {
  fc.assert(
    fc.property(models, orders, ({ wanted, model }, order) => {
      model.rest(order);
      const [held] = model.leases;
      const [left] = model.slivers;
      if (order === 'end') expect(held).toBeUndefined();
      if (order === 'stop' && held !== undefined) expect(held.stopped).toBe('Stopped.');
      if (order !== 'run' && wanted && held === undefined)
        expect(left?.shown).toEqual({ state: 'refused', code: 'node_draining' });
      if (order === 'run') expect(held === undefined).toBe(!wanted);
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

it('has leases that outlast an uplink that is gone for an hour, whenever it goes', () => {
  const held = lease({ expiresAt: toInstant(NOW + DEFAULT_LEASE_MS) });
  const worst = renewalTimeMs(held, NOW); // it goes just before the renewal
  expect(fromInstant(held.expiresAt) - worst).toBeGreaterThan(1.5 * HOUR_MS);
});
