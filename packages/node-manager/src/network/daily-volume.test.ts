import { DAY_MS, Egress } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ceilFor, isSlowed, usageAt } from './daily-volume.ts';

const MIB = 1024 * 1024;
const NOW_MS = Date.parse('2026-03-01T12:00:00.000Z');
const plain = Egress.parse({});

const egresses = fc
  .record({
    minKbps: fc.integer({ min: 1, max: 1000 }),
    above: fc.integer({ min: 0, max: 100_000 }),
    dailyMiB: fc.integer({ min: 1, max: 100_000 }),
  })
  .map(({ minKbps, above, dailyMiB }) => ({ minKbps, maxKbps: minKbps + above, dailyMiB }));
const usages = fc.record({
  dayStartMs: fc.integer({ min: NOW_MS - 2 * DAY_MS, max: NOW_MS + DAY_MS }),
  sentBytes: fc.integer({ min: 0, max: 200_000 * MIB }),
});

describe('the daily volume', () => {
  it('leaves the rate alone up to 80 %, then makes the rest last the day', () => {
    const at = (part: number) => ({ dayStartMs: NOW_MS, sentBytes: part * plain.dailyMiB * MIB });
    expect(ceilFor(at(0.79), plain, NOW_MS)).toBe(plain.maxKbps);
    // a fifth of 10,000 MiB in a day
    expect(ceilFor(at(0.8), plain, NOW_MS)).toBe(Math.floor((2000 * MIB * 8) / 1000 / 86_400));
    expect(ceilFor(at(1), plain, NOW_MS)).toBe(plain.minKbps);
    expect(ceilFor(at(5), plain, NOW_MS)).toBe(plain.minKbps);
    expect(ceilFor(at(5), plain, NOW_MS + DAY_MS)).toBe(plain.maxKbps);
  });

  it('never gives less than the minimum nor more than the maximum', () => {
    fc.assert(
      fc.property(egresses, usages, (egress, usage) => {
        const kbps = ceilFor(usage, egress, NOW_MS);
        expect(kbps).toBeGreaterThanOrEqual(egress.minKbps);
        expect(kbps).toBeLessThanOrEqual(egress.maxKbps);
      }),
    );
  });

  it('never gives more to who has sent more', () => {
    fc.assert(
      fc.property(egresses, usages, fc.nat(1000 * MIB), (egress, usage, more) => {
        const further = { ...usage, sentBytes: usage.sentBytes + more };
        expect(ceilFor(further, egress, NOW_MS)).toBeLessThanOrEqual(ceilFor(usage, egress, NOW_MS));
      }),
    );
  });

  it('is not exceeded by a sliver that always sends as fast as it may, but for its minimum', () => {
    fc.assert(
      fc.property(egresses, (egress) => {
        const stepMs = 60_000;
        let usage = { dayStartMs: NOW_MS, sentBytes: 0 };
        for (let atMs = NOW_MS; atMs < NOW_MS + DAY_MS; atMs += stepMs) {
          usage = { ...usage, sentBytes: usage.sentBytes + (ceilFor(usage, egress, atMs) * stepMs) / 8 };
        }
        const minimumBytes = (egress.minKbps * DAY_MS) / 8;
        const oneStepBytes = (egress.maxKbps * stepMs) / 8; // noticed only at the next look
        expect(usage.sentBytes).toBeLessThanOrEqual(
          Math.max(egress.dailyMiB * MIB, 0.8 * egress.dailyMiB * MIB + oneStepBytes) + minimumBytes,
        );
      }),
      { numRuns: 30 },
    );
  });

  it('begins anew after 24 hours, and not because the clock is set back', () => {
    const usage = { dayStartMs: NOW_MS, sentBytes: 9000 * MIB };
    expect(usageAt(usage, NOW_MS + DAY_MS - 1)).toEqual(usage);
    expect(usageAt(usage, NOW_MS + DAY_MS)).toEqual({ dayStartMs: NOW_MS + DAY_MS, sentBytes: 0 });
    expect(usageAt(usage, NOW_MS - DAY_MS)).toEqual({ dayStartMs: NOW_MS - DAY_MS, sentBytes: 9000 * MIB });
    expect(isSlowed(usage, plain)).toBe(true);
  });
});
