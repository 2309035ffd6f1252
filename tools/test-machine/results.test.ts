import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fromLines, fromReport } from './parts.ts';
import { choose, openResults, outcomeOf, table } from './results.ts';

const result = (name: string, failed = 0) => ({
  ...{ name, passed: 2, failed, skipped: 1, seconds: 30 },
  failures: failed === 0 ? [] : ['it breaks'],
  reasons: [],
});
const SOURCES = { sources: 'a', commit: 'c0ffee', at: '2026-01-01T00:00' };
const kept = (name: string, failed = 0) => ({ ...result(name, failed), ...SOURCES });
const stamp = (sources: string, commit = 'c0ffee') => ({
  ...{ sourcesOf: (name: string) => (name === 'boot' ? 'machine' : sources), commit },
  nowMs: () => Date.UTC(2026, 0, 1),
});
const part = (name: string) => ({ name, run: async () => result(name) });

describe('what a run of the test machine gave', () => {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-results-'));
  const file = join(folder, 'results.json');
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is kept part by part: what passed with the sources that it tests need not run again', () => {
    const results = openResults(file, stamp('a'), false);
    results.add(result('boot'));
    results.add(result('package', 1));
    const resumed = openResults(file, stamp('a', 'a1'), true);
    expect(['boot', 'package'].map((name) => resumed.has(name))).toEqual([true, false]);
    resumed.add(result('package'));
    expect(openResults(file, stamp('a'), true).all()).toEqual([
      { ...kept('boot'), sources: 'machine' },
      { ...kept('package'), commit: 'a1' },
    ]);
    const changed = openResults(file, stamp('b'), true);
    expect(['boot', 'package'].map((name) => changed.has(name))).toEqual([true, false]);
    expect(openResults(file, stamp('a'), false).has('boot')).toBe(false);
  });

  it('is in order only when everything asked for ran and passed', () => {
    const parts = [part('boot'), part('package')];
    const outcome = (...results: readonly ReturnType<typeof kept>[]) => outcomeOf(results, parts, 60, undefined);
    expect(outcome(kept('boot'), kept('package'))).toMatchObject({ ok: true, passed: 4, failed: 0, missing: [] });
    expect(outcome(kept('boot'))).toMatchObject({ ok: false, missing: ['package'] });
    expect(outcome(kept('boot'), kept('package', 1))).toMatchObject({ ok: false, failed: 1 });
    expect(outcomeOf([], [], 1, 'interrupted')).toMatchObject({ ok: false, interruption: 'interrupted' });
  });

  it('is a table with a sum', () => {
    expect(table([kept('boot'), kept('package', 1)])).toBe(
      `         passed  failed  skipped  seconds  commit          at (UTC)
boot          2       0        1       30  c0ffee  2026-01-01T00:00
package       2       1        1       30  c0ffee  2026-01-01T00:00
all           4       1        2       60
`,
    );
  });

  it('is of the parts that were named, in that order, and a wrong name is told', () => {
    const parts = [part('boot'), part('package')];
    expect(choose(parts, [])).toBe(parts);
    expect(choose(parts, ['package', 'boot']).map(({ name }) => name)).toEqual(['package', 'boot']);
    expect(() => choose(parts, ['pakage'])).toThrow('there is no pakage; there are: boot, package');
  });
});

describe('a part of a run', () => {
  const ran = (code: number | null, stdout = '', stderr = '') => ({ code, stdout, stderr });

  it('counts the lines that say what was shown, and ending badly as one failure more', () => {
    const two = fromLines(ran(0, 'ok  a\nnoise\nnot ok  b: why\n'));
    expect(two).toMatchObject({ passed: 1, failed: 1, failures: ['b: why'] });
    const broken = fromLines(ran(1, 'ok  a\n', 'AssertionError\n'));
    expect(broken).toMatchObject({ passed: 1, failed: 1, failures: ['ended with 1: AssertionError'] });
  });

  it('counts the tests of a file with the reasons of what was skipped, and a file that could not run as one failure', () => {
    const tests = ['passed', 'failed', 'skipped'].map((status) => ({ status, fullName: `it ${status}` }));
    const report = { testResults: [{ status: 'failed', message: '', assertionResults: tests }] };
    expect(fromReport(JSON.stringify(report), ran(1, 'noise\nskipped: there is no netem\n'))).toEqual({
      ...{ passed: 1, failed: 1, skipped: 1 },
      failures: ['it failed'],
      reasons: ['skipped: there is no netem'],
    });
    expect(fromReport(undefined, ran(null))).toMatchObject({ passed: 0, failed: 1, failures: ['ended with null'] });
    const broken = { testResults: [{ status: 'failed', message: 'no such module', assertionResults: [] }] };
    expect(fromReport(JSON.stringify(broken), ran(1)).failures).toEqual(['ended with 1: no such module']);
  });
});
