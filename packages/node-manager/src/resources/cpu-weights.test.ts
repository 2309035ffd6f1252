import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpuClaim, cpuWeights, guaranteedMillis, HIGHEST_WEIGHT } from './cpu-weights.ts';

const CORES = 4;
/** A node never promises more than 85 % of its processors. */
const MOST_RESERVED = 0.85 * CORES * 1000;

const claims: fc.Arbitrary<ReadonlyMap<number, CpuClaim>> = fc
  .array(
    fc.record({
      cpuShares: fc.integer({ min: 1, max: 10 }),
      cpuReservedMillis: fc.constantFrom(0, 0, 0, 100, 250, 1000),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((all) => {
    let left = MOST_RESERVED;
    const fitting = all.map(({ cpuShares, cpuReservedMillis }) => {
      const granted = cpuReservedMillis <= left ? cpuReservedMillis : 0;
      left -= granted;
      return { cpuShares, cpuReservedMillis: granted };
    });
    return new Map(fitting.entries());
  });

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

describe('CPU weights', () => {
  it('are the shares where nothing is reserved', () => {
    const weights = cpuWeights(
      new Map([1, 2, 5].map((cpuShares, key) => [key, { cpuShares, cpuReservedMillis: 0 }])),
      2,
    );
    expect([...weights.values()]).toEqual([1, 2, 5]);
  });

  it('give each its reservation and its share of the rest when all are busy', () => {
    const half = { cpuShares: 1, cpuReservedMillis: 1000 };
    const plain = { cpuShares: 1, cpuReservedMillis: 0 };
    const all = [half, plain, plain, plain];
    const weights = [...cpuWeights(new Map(all.entries()), 2).values()];
    expect((weights[0] ?? 0) / sum(weights)).toBeCloseTo(0.5 + 0.5 / 4, 3);
    expect(guaranteedMillis(half, all, 2)).toBeCloseTo(1250);
    expect(guaranteedMillis(plain, all, 2)).toBeCloseTo(250);
  });

  it('keep every reservation whoever else is busy', () => {
    fc.assert(
      fc.property(claims, fc.infiniteStream(fc.boolean()), (all, busy) => {
        const weights = cpuWeights(all, CORES);
        for (const [key, claim] of all) {
          const own = weights.get(key) ?? 0;
          const others = sum(
            [...weights].filter(([other]) => other !== key && busy.next().value).map(([, each]) => each),
          );
          const partMillis = (own / (own + others)) * CORES * 1000;
          expect(partMillis).toBeGreaterThanOrEqual(claim.cpuReservedMillis * 0.995);
        }
      }),
    );
  });

  it('share what is idle in the proportions of what each has when all are busy', () => {
    fc.assert(
      fc.property(claims, (all) => {
        const weights = cpuWeights(all, CORES);
        const total = sum(weights.values());
        const millis = [...all.values()].map((claim) => guaranteedMillis(claim, [...all.values()], CORES));
        expect(sum(millis)).toBeCloseTo(CORES * 1000);
        for (const [key, weight] of weights) expect(weight / total).toBeCloseTo((millis[key] ?? 0) / (CORES * 1000), 1);
      }),
    );
  });

  it('change only those that have reserved something when one comes', () => {
    fc.assert(
      fc.property(claims, (all) => {
        const before = cpuWeights(all, CORES);
        const after = cpuWeights(new Map([...all, [-1, { cpuShares: 1, cpuReservedMillis: 0 }]]), CORES);
        if (Math.max(...after.values()) >= HIGHEST_WEIGHT) return; // then all are scaled
        for (const [key, { cpuReservedMillis }] of all)
          if (cpuReservedMillis === 0) expect(after.get(key)).toBe(before.get(key));
      }),
    );
  });

  it('stay within what the kernel takes, also on a full node', () => {
    const plain = Array.from({ length: 999 }, () => ({ cpuShares: 1, cpuReservedMillis: 0 }));
    const all = [{ cpuShares: 1, cpuReservedMillis: 1000 }, ...plain];
    const weights = [...cpuWeights(new Map(all.entries()), 2).values()];
    expect(Math.max(...weights)).toBeLessThanOrEqual(HIGHEST_WEIGHT);
    expect(Math.min(...weights)).toBeGreaterThanOrEqual(2 / 1024);
    expect((weights[0] ?? 0) / sum(weights)).toBeGreaterThan(0.499);
  });
});
