import { describe, expect, it } from 'vitest';
import { slice } from '../testing/fixtures.ts';
import { createCpuPlan } from './cpu-plan.ts';

const [a, b, c] = ['a1_x', 'a1_y', 'a1_z'].map(slice) as [
  ReturnType<typeof slice>,
  ReturnType<typeof slice>,
  ReturnType<typeof slice>,
]; // three
const plain = { cpuShares: 1, cpuReservedMillis: 0 };
const half = { cpuShares: 1, cpuReservedMillis: 1000 };

describe('the CPU plan', () => {
  it('names whoever weighs something else since somebody came or went', () => {
    const plan = createCpuPlan(2);
    expect(plan.set([{ slice: a, resources: half }])).toEqual([a]);
    expect(plan.set([{ slice: a, resources: half }])).toEqual([]);
    const two = [a, b].map((each) => ({ slice: each, resources: each === a ? half : plain }));
    expect(plan.weightOf(b, plain), 'before it is told').toBe(1);
    expect(plan.set(two)).toEqual([a]);
    expect(plan.weightOf(a, half)).toBe(3);
    expect(plan.set([...two, { slice: c, resources: plain }])).toEqual([a, c]);
    expect(plan.set([{ slice: a, resources: half }])).toEqual([a]);
  });
});
