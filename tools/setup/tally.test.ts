import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tallyFolder } from './tally.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planetlab-tally-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (files: Record<string, string>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
};
const report = (passed: number, failed: number, files: { status: string; tests: string[] }[] = []): string =>
  JSON.stringify({
    numPassedTests: passed,
    numFailedTests: failed,
    testResults: files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map((test) => ({ status: test })),
    })),
  });

describe('the sum of all tests', () => {
  it('counts types and lint as one test each', () => {
    write({ 'types.check': 'passed', 'lint.check': 'failed', 'vitest.json': report(5, 0), 'vitest.status': '0' });
    expect(tallyFolder(folder)).toEqual({ passed: 6, failed: 1 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    const files = [
      { status: 'failed', tests: [] },
      { status: 'failed', tests: ['passed', 'failed'] },
    ];
    write({ 'vitest.json': report(1, 1, files), 'vitest.status': '1' });
    expect(tallyFolder(folder)).toEqual({ passed: 1, failed: 2 });
  });

  it('is never all right when vitest was not', () => {
    write({ 'vitest.json': report(3, 0), 'vitest.status': '1' });
    expect(tallyFolder(folder)).toEqual({ passed: 3, failed: 1 });
  });

  it('is never all right without a report', () => {
    write({ 'vitest.status': '137' });
    expect(tallyFolder(folder)).toEqual({ passed: 0, failed: 1 });
  });
});
