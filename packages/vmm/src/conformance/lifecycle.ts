import { describe, expect, it } from 'vitest';
import type { Vmm } from '../vmm.ts';
import { LIMITS, MACHINE, type MakeContext, OTHER, outcome, startMachine } from './context.ts';

const NOT_RUNNING = { code: 'sliver_not_running' };

export function describeLifecycle(makeContext: MakeContext): void {
  describe('life of a machine', () => describeLife(makeContext));
  describe('the end of a machine', () => describeEnd(makeContext));
  describe('many machines', () => describeMany(makeContext));
  describe('what a machine uses', () => describeUse(makeContext));
  describe('a machine that is not there', () => describeAbsent(makeContext));
}

function describeLife(makeContext: MakeContext): void {
  it('goes from created to running to stopped to gone', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    expect(await vmm.status(MACHINE)).toBeUndefined();
    expect(await vmm.create(await context.makeSpec(MACHINE))).toMatchObject({ id: MACHINE, state: 'created' });
    await vmm.start(MACHINE);
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'running' });
    await vmm.stop(MACHINE, { graceMs: 100 });
    expect(await vmm.status(MACHINE)).toEqual({ id: MACHINE, state: 'stopped' });
    await vmm.destroy(MACHINE);
    expect(await vmm.status(MACHINE)).toBeUndefined();
    expect(await vmm.list()).toEqual([]);
  });

  it('does not change when an operation is done again', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    const spec = await context.makeSpec(MACHINE);
    const created = await vmm.create(spec);
    expect(await vmm.create(spec)).toEqual(created);
    await twice(() => vmm.start(MACHINE));
    const running = await vmm.status(MACHINE);
    expect(await vmm.create(spec)).toEqual(running);
    await twice(() => vmm.pause(MACHINE));
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'paused' });
    await twice(() => vmm.resume(MACHINE));
    expect(await vmm.status(MACHINE)).toEqual(running);
    await twice(() => vmm.stop(MACHINE, { graceMs: 100 }));
    await twice(() => vmm.destroy(MACHINE));
    expect(await vmm.list()).toEqual([]);
  });

  it('takes no notice of attachments that are another driver’s', async () => {
    await using context = await makeContext();
    const spec = await context.makeSpec(MACHINE);
    await context.vmm.create({ ...spec, attachments: { 'somebody-elses-kernel': '/nowhere/vmlinuz' } });
    await context.vmm.start(MACHINE);
    expect(await context.vmm.status(MACHINE)).toMatchObject({ id: MACHINE, state: 'running' });
  });

  it('begins anew when a stopped machine is created again', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    await startMachine(context);
    await vmm.stop(MACHINE, { graceMs: 100 });
    await expect(vmm.start(MACHINE)).rejects.toMatchObject(NOT_RUNNING);
    await startMachine(context);
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'running' });
  });
}

function describeEnd(makeContext: MakeContext): void {
  it.each(['created', 'running', 'paused', 'stopped'] as const)('can be destroyed when %s', async (state) => {
    await using context = await makeContext();
    const { vmm } = context;
    await vmm.create(await context.makeSpec(MACHINE));
    if (state !== 'created') await vmm.start(MACHINE);
    if (state === 'paused') await vmm.pause(MACHINE);
    if (state === 'stopped') await vmm.stop(MACHINE, { graceMs: 0 });
    expect(await vmm.status(MACHINE)).toMatchObject({ state });
    await vmm.destroy(MACHINE);
    expect(await vmm.list()).toEqual([]);
  });

  it('can be stopped when created and when paused', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    await vmm.create(await context.makeSpec(MACHINE));
    await vmm.stop(MACHINE, { graceMs: 0 });
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'stopped' });
    await startMachine(context);
    await vmm.pause(MACHINE);
    await vmm.stop(MACHINE, { graceMs: 100 });
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'stopped' });
  });

  it('ends its programs when it is stopped, long before the grace is over if they obey', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    await startMachine(context);
    const program = await vmm.exec(MACHINE, { argv: ['sleep', '60'] });
    const before = performance.now();
    await vmm.stop(MACHINE, { graceMs: 20_000 });
    expect(performance.now() - before).toBeLessThan(10_000);
    expect((await outcome(program)).exit.code).not.toBe(0);
  });
}

function describeMany(makeContext: MakeContext): void {
  it('are listed with their states', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    await startMachine(context);
    await vmm.create(await context.makeSpec(OTHER));
    expect(await vmm.list()).toMatchObject([
      { id: MACHINE, state: 'running' },
      { id: OTHER, state: 'created' },
    ]);
    expect(await vmm.ids()).toEqual([MACHINE, OTHER]);
    await vmm.destroy(MACHINE);
    expect(await vmm.list()).toMatchObject([{ id: OTHER, state: 'created' }]);
  });

  it('are found again by a restarted manager', async ({ skip }) => {
    await using context = await makeContext();
    if (context.reopen === undefined) return skip('the state of this driver is lost with its process');
    await startMachine(context);
    await context.vmm.create(await context.makeSpec(OTHER));
    const before = await context.vmm.list();
    const reopened = await context.reopen();
    expect(await reopened.list()).toEqual(before);
    await reopened.start(OTHER);
    expect(await reopened.status(OTHER)).toMatchObject({ state: 'running' });
  });
}

function describeUse(makeContext: MakeContext): void {
  it('is counted, and its limits can be changed while it runs', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    await startMachine(context);
    const stats = await vmm.stats(MACHINE);
    expect(stats.processes).toBeGreaterThanOrEqual(1);
    expect(stats.processes).toBeLessThanOrEqual(LIMITS.processes);
    expect(stats.memoryMiB).toBeLessThanOrEqual(LIMITS.memoryMiB);
    expect(stats.cpuMs).toBeGreaterThanOrEqual(0);
    expect(await vmm.hasLimits(MACHINE, LIMITS)).toBe(true);
    const others = { cpuShares: 3.5, memoryMiB: 160, processes: 80 };
    await twice(() => vmm.update(MACHINE, others));
    expect(await vmm.hasLimits(MACHINE, LIMITS)).toBe(false);
    expect(await vmm.hasLimits(MACHINE, others)).toBe(true);
    expect(await vmm.status(MACHINE)).toMatchObject({ state: 'running' });
  });

  it('goes first once it was put there, until it is put back or its limits are set', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    expect(await vmm.turn(MACHINE)).toBeUndefined();
    await startMachine(context);
    const prompt = { ...LIMITS, prompt: true };
    expect(await vmm.turn(MACHINE)).toMatchObject({ cpuMs: expect.any(Number), first: false });
    await twice(() => vmm.putFirst(MACHINE, 500));
    await vmm.putFirst(MACHINE, 100);
    expect(await vmm.turn(MACHINE)).toMatchObject({ first: true });
    expect([await vmm.hasLimits(MACHINE, prompt), await vmm.hasLimits(MACHINE, LIMITS)]).toEqual([true, false]);
    await twice(() => vmm.putBack(MACHINE, 2));
    expect(await vmm.turn(MACHINE)).toMatchObject({ first: false });
    expect(await vmm.hasLimits(MACHINE, { ...prompt, cpuShares: 2 })).toBe(true);
    await vmm.putFirst(MACHINE, 100);
    await twice(() => vmm.update(MACHINE, prompt));
    expect(await vmm.turn(MACHINE)).toMatchObject({ first: false });
    expect(await vmm.hasLimits(MACHINE, prompt)).toBe(true);
  });
}

function describeAbsent(makeContext: MakeContext): void {
  it.each<[string, (vmm: Vmm) => Promise<unknown>]>([
    ['started', (vmm) => vmm.start(MACHINE)],
    ['paused', (vmm) => vmm.pause(MACHINE)],
    ['resumed', (vmm) => vmm.resume(MACHINE)],
    ['asked for its use', (vmm) => vmm.stats(MACHINE)],
    ['given other limits', (vmm) => vmm.update(MACHINE, LIMITS)],
    ['asked to run a program', (vmm) => vmm.exec(MACHINE, { argv: ['true'] })],
  ])('cannot be %s', async (_, operation) => {
    await using context = await makeContext();
    await expect(operation(context.vmm)).rejects.toMatchObject(NOT_RUNNING);
  });

  it('is stopped and destroyed already', async () => {
    await using context = await makeContext();
    await context.vmm.stop(MACHINE, { graceMs: 0 });
    await context.vmm.destroy(MACHINE);
  });
}

async function twice(operation: () => Promise<unknown>): Promise<void> {
  await operation();
  await operation();
}
