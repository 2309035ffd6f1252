import { asMachineId } from '@planetlab/vmm';
import { describe, expect, it } from 'vitest';
import { slice } from '../testing/fixtures.ts';
import { createCpuPlan } from './cpu-plan.ts';
import { FirstWatch } from './first-watch.ts';

const SERVICE = slice('a1_service');
const PLAIN = slice('a1_plain');

/** One sliver with half a core reserved and one without, on a machine of one core whose readings a test sets. */
function setUp() {
  const plan = createCpuPlan(1);
  const resources = { cpuShares: 1, cpuReservedMillis: 500 };
  plan.set([
    { slice: SERVICE, resources },
    { slice: PLAIN, resources: { cpuShares: 1, cpuReservedMillis: 0 } },
  ]);
  const machine = { cpuMs: 0, atMs: 0, first: false, there: true };
  const done: string[] = [];
  const watch = new FirstWatch({
    ...{ plan, periodMs: 3_600_000, monotonicMs: () => machine.atMs },
    logger: { info() {}, warn() {}, error() {} },
    vmm: {
      turn: async (id) =>
        machine.there && id === asMachineId(SERVICE) ? { cpuMs: machine.cpuMs, first: machine.first } : undefined,
      async putFirst(_, mostMillis) {
        machine.first = true;
        done.push(`first with at most ${mostMillis}`);
      },
      async putBack(_, weight) {
        machine.first = false;
        done.push(`weight ${weight}`);
      },
    },
  });
  const after = async (cpuMs: number) => {
    machine.cpuMs += cpuMs;
    machine.atMs += 250;
    await watch.look();
    return machine.first;
  };
  return { machine, done, after, [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose]() };
}

describe('the watch over who goes first', () => {
  it('lets a sliver go first while it keeps to its reservation, and gives it its weight when it wants more', async () => {
    await using node = setUp();
    expect(await node.after(10), 'not known yet').toBe(false);
    expect(await node.after(10)).toBe(true);
    expect(await node.after(100)).toBe(true);
    expect(await node.after(125), 'as much as it may').toBe(false);
    expect(await node.after(250), 'alone on its core').toBe(false);
    expect(await node.after(10)).toBe(true);
    expect(node.done).toEqual(['first with at most 500', 'weight 3', 'first with at most 500']);
  });

  it('believes what the kernel says, and knows nothing of a machine that was made again', async () => {
    await using node = setUp();
    await node.after(10);
    node.machine.first = true; // an earlier manager did it
    expect(await node.after(10)).toBe(true);
    expect(node.done).toEqual([]);
    node.machine.there = false;
    await node.after(0);
    Object.assign(node.machine, { there: true, first: false, cpuMs: 0 });
    expect(await node.after(10), 'not known yet').toBe(false);
    expect(await node.after(10)).toBe(true);
  });
});
