import type { LeaseRequest } from '@planetlab/contract';
import { generateKeyPair } from '@planetlab/credentials';
import {
  AuthorityName,
  DAY_MS,
  fromInstant,
  HOUR_MS,
  ImageName,
  isPlanetLabError,
  RESOURCE_KEYS,
  type ResourceSums,
  Resources,
  sumsOf,
  toInstant,
} from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AUTHORITY, credentialOf, IMAGE, NOW_MS, slice } from '../testing/fixtures.ts';
import { type AdmissionFacts, admit } from './admit.ts';
import { boundWith, NOTHING_BOUND } from './bound.ts';
import { defaultPolicy, promisable } from './policy.ts';

const holder = generateKeyPair();
const policy = defaultPolicy({ name: AUTHORITY, key: generateKeyPair().publicKey });
const HOST: ResourceSums = {
  cpuReservedMillis: 4000,
  memoryMiB: 10_000,
  diskMiB: 100_000,
  processes: 20_000,
  egressMinKbps: 100_000,
};

const facts = (over: Partial<AdmissionFacts> = {}): AdmissionFacts => ({
  credential: credentialOf(holder),
  bound: NOTHING_BOUND,
  host: HOST,
  images: [{ name: IMAGE, digest: 'd'.repeat(64) }],
  nowMs: NOW_MS,
  ...over,
});
const request = (over: Partial<LeaseRequest> = {}): LeaseRequest => ({
  slice: slice('princeton_codeen'),
  image: IMAGE,
  resources: Resources.parse({}),
  expiresAt: toInstant(NOW_MS + HOUR_MS),
  keys: [],
  ...over,
});
const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (isPlanetLabError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('admission', () => {
  it('promises what was asked for, when there is room', () => {
    const asked = request();
    expect(admit(policy, asked, facts())).toEqual({
      resources: asked.resources,
      image: IMAGE,
      imageDigest: 'd'.repeat(64),
      expiresAtMs: fromInstant(asked.expiresAt),
    });
  });

  it('never promises more than there is, whatever is asked for in whatever order', () => {
    const resources = fc.record({
      cpuShares: fc.integer({ min: 1, max: 1000 }),
      cpuReservedMillis: fc.integer({ min: 0, max: 5000 }),
      memoryMiB: fc.integer({ min: 16, max: 12_000 }),
      diskMiB: fc.integer({ min: 16, max: 120_000 }),
      processes: fc.integer({ min: 8, max: 25_000 }),
      egress: fc.record({ minKbps: fc.integer({ min: 1, max: 90_000 }) }),
    });
    const ask = fc.record({ resources, hours: fc.integer({ min: 1, max: 28 * 24 }), ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(ask, { maxLength: 60 }), (asks) => {
        let live: Resources[] = [];
        for (const { resources: wanted, hours, ends } of asks) {
          if (ends) live = live.slice(1);
          try {
            const expiresAt = toInstant(NOW_MS + hours * HOUR_MS);
            const resources = Resources.parse(wanted);
            live.push(
              admit(policy, request({ resources, expiresAt }), facts({ bound: live.reduce(boundWith, NOTHING_BOUND) }))
                .resources,
            );
          } catch (error) {
            expect(['insufficient_resources', 'admission_refused']).toContain(isPlanetLabError(error) && error.code);
          }
          const most = promisable(policy, HOST, HOUR_MS);
          for (const key of RESOURCE_KEYS) {
            expect(live.reduce((sum, each) => sum + sumsOf(each)[key], 0)).toBeLessThanOrEqual(most[key]);
          }
        }
      }),
    );
  });

  it('says what is short, and how much is left', () => {
    const asked = request({ resources: { ...request().resources, memoryMiB: 9000 } });
    const error = codeOf(() => admit(policy, asked, facts()));
    expect(error.code).toBe('insufficient_resources');
    expect(error.details).toEqual({ resource: 'memoryMiB', left: 8500, wanted: 9000 });
    expect(error.message).toContain('8.3 GiB of memory left');
  });

  it('keeps a part for experiments: only short leases may use it', () => {
    const asked = request({ resources: { ...request().resources, memoryMiB: 8400 } });
    expect(admit(policy, asked, facts()).resources.memoryMiB).toBe(8400);
    const long = { ...asked, expiresAt: toInstant(NOW_MS + 2 * DAY_MS) };
    expect(codeOf(() => admit(policy, long, facts())).code).toBe('insufficient_resources');
  });

  it('refuses in words what the policy does not allow', () => {
    const foreign = { ...credentialOf(holder), authority: AuthorityName.parse('elsewhere') };
    expect(codeOf(() => admit(policy, request(), facts({ credential: foreign }))).code).toBe('admission_refused');
    const heavy = request({ resources: { ...request().resources, cpuShares: 101 } });
    expect(codeOf(() => admit(policy, heavy, facts())).message).toContain('at most 100 CPU shares');
    const image = request({ image: ImageName.parse('alpine') });
    expect(codeOf(() => admit(policy, image, facts())).message).toContain('There is debian-12');
    expect(codeOf(() => admit(policy, image, facts({ images: [] }))).code).toBe('unknown_image');
  });

  it('bounds how long it promises, and says until when', () => {
    const long = request({ expiresAt: toInstant(NOW_MS + 29 * DAY_MS) });
    const error = codeOf(() => admit(policy, long, facts()));
    expect(error.code).toBe('lease_too_long');
    expect(error.details).toEqual({ latest: toInstant(NOW_MS + 28 * DAY_MS) });
    expect(codeOf(() => admit(policy, request({ expiresAt: toInstant(NOW_MS) }), facts())).code).toBe(
      'malformed_request',
    );
  });
});
