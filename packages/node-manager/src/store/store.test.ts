import { generateKeyPair, issueLease } from '@planetlab/credentials';
import { DEFAULT_RESOURCES, HOUR_MS, sumsOf, toInstant } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { leaseOf, NOW_MS, slice, storeIn, temporaryFolder } from '../testing/fixtures.ts';

const key = generateKeyPair();
const KEY = { person: 'ada@example.org', key: 'ssh-ed25519 AAAA ada' } as never; // parsed when it is read
const entry = (name: string, index: number, over = {}) => {
  const lease = leaseOf(name, over);
  return { lease, token: issueLease(key, lease), imageDigest: 'd'.repeat(64), index, keys: [KEY] };
};

describe('what the node remembers', () => {
  it('is still there when the store is opened again', () => {
    using folder = temporaryFolder();
    const first = entry('a1_x', 2);
    let store = storeIn(folder.path, key);
    store.addLeases([first]);
    store.close();
    store = storeIn(folder.path, key);
    expect(store.liveLeases()).toEqual([
      { lease: first.lease, token: first.token, imageDigest: 'd'.repeat(64), endedAtMs: null },
    ]);
    expect(store.sliver('a1_x')).toMatchObject({ index: 2, slice: 'a1_x' });
    expect(store.access().get('a1_x')).toEqual([KEY]);
    expect(store.nextEndMs()).toBe(first.lease.expiresAtMs);
    store.close();
  });

  it('includes the latest notices of each sliver, until it is gone', () => {
    using folder = temporaryFolder();
    const first = entry('a1_x', 2);
    let store = storeIn(folder.path, key);
    store.addLeases([first]);
    const of = { slice: slice('a1_x'), lease: first.lease.id, code: 'memory_limit', counted: null };
    for (let at = 1; at <= 12; at++) store.addNotice({ ...of, at: toInstant(NOW_MS + at), message: `notice ${at}` });
    store.close();
    store = storeIn(folder.path, key);
    expect(store.notices().map(({ message }) => message)).toEqual(
      Array.from({ length: 10 }, (_, index) => `notice ${index + 3}`),
    );
    store.endLease(first.lease.id, NOW_MS + 20);
    store.forgetSliver(slice('a1_x'));
    expect(store.notices()).toEqual([]);
    store.close();
  });

  it('binds one lease to a slice at a time, and all of it or nothing', () => {
    using folder = temporaryFolder();
    const store = storeIn(folder.path, key);
    store.addLeases([entry('a1_x', 2)]);
    expect(() => store.addLeases([entry('a1_x', 3)])).toThrow();
    expect(() => store.addLeases([entry('c3_z', 3), entry('b2_y', 2)])).toThrow(); // an index is taken
    expect(store.liveLeases().map(({ lease }) => lease.slice)).toEqual(['a1_x']);
    store.close();
  });

  it('ends leases whose time is over, and keeps their slivers until these are removed', () => {
    using folder = temporaryFolder();
    const store = storeIn(folder.path, key);
    store.addLeases([entry('a1_x', 2, { expiresAtMs: NOW_MS + 1 })]);
    store.addLeases([entry('b2_y', 3, { expiresAtMs: NOW_MS + HOUR_MS })]);
    expect(store.endExpired(NOW_MS)).toEqual([]);
    expect(store.endExpired(NOW_MS + 1)).toEqual(['a1_x']);
    expect(store.liveLeases().map(({ lease }) => lease.slice)).toEqual(['b2_y']);
    expect(store.nextEndMs()).toBe(NOW_MS + HOUR_MS);
    expect(store.bound()).toEqual({ slivers: 1, sums: sumsOf(DEFAULT_RESOURCES) });
    expect(store.slivers().map(({ slice: of, stored }) => [of, stored.endedAtMs])).toEqual([
      ['a1_x', NOW_MS + 1],
      ['b2_y', null],
    ]);
    expect(store.forgetSliver(slice('b2_y'))).toBe(false);
    expect(store.forgetSliver(slice('a1_x'))).toBe(true);
    expect(store.sliver('a1_x')).toBeUndefined();
    store.close();
  });

  it('gives a slice that is leased again while it is removed its old index', () => {
    using folder = temporaryFolder();
    const store = storeIn(folder.path, key);
    const first = entry('a1_x', 2);
    store.addLeases([first]);
    store.endLease(first.lease.id, NOW_MS);
    const second = entry('a1_x', 2);
    store.addLeases([second]);
    expect(store.sliver('a1_x')).toMatchObject({ index: 2, stored: { lease: { id: second.lease.id } } });
    expect(store.forgetSliver(slice('a1_x'))).toBe(false);
    store.close();
  });

  it('logs steps, newest first, in pages, and a bounded number of them', () => {
    using folder = temporaryFolder();
    const store = storeIn(folder.path, key);
    const step = (at: number) => ({
      atMs: NOW_MS + at,
      slice: at % 2 === 0 ? 'a1_x' : 'b2_y',
      step: 'MountRoot',
      outcome: 'done' as const,
      durationMs: 1,
      message: null,
    });
    store.logSteps(Array.from({ length: 11_000 }, (_, at) => step(at)));
    const page = store.listSteps({ slices: ['a1_x'], limit: 2 });
    expect(page.map(({ at }) => at)).toEqual([
      new Date(NOW_MS + 10_998).toISOString(),
      new Date(NOW_MS + 10_996).toISOString(),
    ]);
    expect(store.listSteps({ slices: ['a1_x'], limit: 1, before: page[1]?.id })).toHaveLength(1);
    expect(store.listSteps({ slices: [], limit: 10 })).toEqual([]);
    store.logSteps([step(0)]);
    expect(store.listSteps({ slices: 'all', limit: 20_000 }).length).toBeLessThanOrEqual(10_500);
    store.close();
  });
});
