import { availableParallelism, totalmem } from 'node:os';
import { expect, it } from 'vitest';
import { createSensors, idleShare, readProcessorTicks } from './sensors.ts';

const STAT = 'cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 50 0 25 400 25 0 0 0 0 0\nintr 1\n';

it('processor time is read with what waits for a disk as idle, and guests not twice', () => {
  expect(readProcessorTicks(STAT)).toEqual({ all: 1000, idle: 850 });
  expect(readProcessorTicks('cpu  100 0 50 800 50 0 0 0 70 0\n').all).toBe(1000);
});

it('the idle share is that of the time between, and never outside of 0 and 1', () => {
  expect(idleShare({ all: 1000, idle: 850 }, { all: 2000, idle: 1100 })).toBe(0.25);
  expect(idleShare({ all: 1000, idle: 850 }, { all: 1000, idle: 850 })).toBe(1);
  expect(idleShare({ all: 1000, idle: 850 }, { all: 1010, idle: 800 })).toBe(0);
});

it('a real machine has them all within what it is', () => {
  let clockMs = 0;
  const sensors = createSensors('/', () => clockMs);
  const first = sensors();
  clockMs = 4000;
  expect(sensors().coresIdle, 'too soon for another').toBe(first.coresIdle);
  clockMs = 6000;
  for (const { load, coresIdle, memoryAvailableMiB, diskAvailableMiB } of [first, sensors()]) {
    expect(load).toBeGreaterThanOrEqual(0);
    expect(coresIdle).toBeGreaterThanOrEqual(0);
    expect(coresIdle).toBeLessThanOrEqual(availableParallelism());
    expect(memoryAvailableMiB).toBeGreaterThan(0);
    expect(memoryAvailableMiB).toBeLessThanOrEqual(totalmem() / 1024 / 1024);
    expect(diskAvailableMiB).toBeGreaterThanOrEqual(0);
  }
});
