import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import type { Machine } from './machine.ts';
import type { Part } from './parts.ts';
import { openResults } from './results.ts';
import { runParts } from './run-parts.ts';

const NOTHING = { passed: 1, failed: 0, skipped: 0, failures: [], reasons: [] };
const folder = mkdtempSync(join(tmpdir(), 'planetlab-run-parts-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** As much of a machine as a part that does not ask it needs. */
const machine = (ended: Promise<never> = new Promise(() => {})) =>
  ({ agent: { ready: async () => {} }, ended }) as unknown as Machine;

/** Runs parts that note by which machine they ran; those named `bad` fail. */
function run(machines: readonly Machine[], names: readonly string[], gate: () => Promise<unknown>) {
  const ran: [name: string, machine: number][] = [];
  const parts = names.map(
    (name): Part => ({
      name,
      async run(by) {
        ran.push([name, machines.indexOf(by)]);
        await gate();
        return name === 'bad' ? { ...NOTHING, passed: 0, failed: 1, failures: ['it breaks'] } : NOTHING;
      },
    }),
  );
  const stamp = { sourcesOf: () => 'a', commit: 'c0ffee', nowMs: () => 0 };
  const results = openResults(join(folder, 'results.json'), stamp, false);
  const { signal } = new AbortController();
  const why = runParts(machines, { parts, results, logs: folder, say: () => {}, signal });
  return { ran, results, why };
}

describe('the parts of a run', () => {
  it('are shared among the machines, and one that fails ends nothing', async () => {
    const names = ['a', 'bad', 'c', 'd', 'e'];
    const { ran, results, why } = run([machine(), machine()], names, () => delay(5));
    expect(await why).toBeUndefined();
    expect(ran.map(([name]) => name)).toEqual(names);
    expect(new Set(ran.map(([, by]) => by))).toEqual(new Set([0, 1]));
    expect(results.all().filter(({ failed }) => failed > 0)).toMatchObject([{ name: 'bad' }]);
  });

  it('end with a machine that ends by itself, and what has run is kept', async () => {
    const broken = Promise.withResolvers<never>();
    const machines = [machine(), machine(broken.promise)];
    const { ran, results, why } = run(machines, ['a', 'b', 'c'], async () => {
      if (ran.length === 3) broken.reject(new Error('the machine ended with 1'));
      return ran.length === 3 ? new Promise(() => {}) : delay(1);
    });
    expect(await why).toBe('the machine ended with 1');
    expect(results.all().length).toBeGreaterThan(0);
  });
});
