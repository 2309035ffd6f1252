import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

it('pauses grow, are bounded, and differ', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, chance) => {
      const pause = backoffMs({ firstMs: 500, mostMs: 15_000, random: () => chance }, failures);
      expect(pause).toBeGreaterThanOrEqual(250);
      expect(pause).toBeLessThanOrEqual(15_000);
      if (failures === 0) expect(pause).toBeLessThanOrEqual(500);
    }),
  );
});
