import { describe, expect, it } from 'vitest';
import { fuzzPlc } from '../soak/fuzz-plc.ts';
import { soakWrites } from '../soak/writes.ts';

/** The same each time, so that a failure comes again; SOAK_SEED tries another. */
const seed = Number(process.env['SOAK_SEED'] ?? 20_261_125);
const GROWTH_LIMIT_MIB = 150;

describe(`with the seed ${seed}`, () => {
  it('no acknowledged write is lost, half done or done twice while PLC and PostgreSQL are killed', async () => {
    const outcome = await soakWrites({ writes: 120, kills: 2, seed, note: () => {} });
    expect(outcome).toMatchObject({ acknowledged: 120, lost: 0, halfDone: 0, twice: 0, wrongEvents: 0 });
  }, 300_000);

  it('whatever is sent, the PLC answers as its OpenAPI document says, and keeps its size', async () => {
    const outcome = await fuzzPlc(10, seed);
    expect(outcome.faults, `npm run soak -- fuzz --seed ${seed}`).toEqual([]);
    expect(outcome.requests).toBeGreaterThan(50);
    expect(outcome.grownMiB).toBeLessThan(GROWTH_LIMIT_MIB);
  }, 300_000);
});
