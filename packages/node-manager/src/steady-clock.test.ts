import { DAY_MS, HOUR_MS, MINUTE_MS } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { createSteadyClock } from './steady-clock.ts';

const START_MS = Date.parse('2026-03-01T12:00:00.000Z');

function setUp(notBeforeMs = 0) {
  const machine = { wallMs: START_MS, monotonicMs: 5000 };
  const steps: [number, boolean][] = [];
  const now = createSteadyClock({
    wallMs: () => machine.wallMs,
    monotonicMs: () => machine.monotonicMs,
    notBeforeMs,
    stepped: (byMs, followed) => void steps.push([byMs, followed]),
  });
  const pass = (ms: number) => {
    machine.wallMs += ms;
    machine.monotonicMs += ms;
    return now() - START_MS;
  };
  return { machine, steps, now, pass };
}

describe('the clock of leases', () => {
  it('goes with the machine, and follows slow corrections', () => {
    const { machine, pass, steps } = setUp();
    expect(pass(HOUR_MS)).toBe(HOUR_MS);
    machine.wallMs += 500;
    expect(pass(0)).toBe(HOUR_MS + 500);
    expect(steps).toEqual([]);
  });

  it.each([DAY_MS, -DAY_MS])('does not follow a step of %d ms that is taken back', (step) => {
    const { machine, pass, steps } = setUp();
    machine.wallMs += step;
    expect(pass(MINUTE_MS)).toBe(MINUTE_MS);
    machine.wallMs -= step;
    expect(pass(MINUTE_MS)).toBe(2 * MINUTE_MS);
    expect(steps).toEqual([[step, false]]);
  });

  it.each([DAY_MS, -DAY_MS])('follows a step of %d ms that has stood for a quarter of an hour', (step) => {
    const { machine, pass, steps } = setUp();
    machine.wallMs += step;
    pass(0);
    expect(pass(15 * MINUTE_MS - 1)).toBe(15 * MINUTE_MS - 1);
    expect(pass(1)).toBe(15 * MINUTE_MS + step);
    expect(steps).toEqual([
      [step, false],
      [step, true],
    ]);
  });

  it('begins with no time before something that has happened', () => {
    const { now, pass } = setUp(START_MS + DAY_MS);
    expect(now()).toBe(START_MS + DAY_MS);
    expect(pass(MINUTE_MS)).toBe(DAY_MS + MINUTE_MS);
  });
});
