/**
 * `tally.ts FOLDER`: sums up what test.sh left in the folder (`*.check`, `vitest.json`, `vitest.status`), prints
 * `N passed, N failed` as the last line and exits 0 only when nothing failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Tally {
  readonly passed: number;
  readonly failed: number;
}

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const sum = (tallies: readonly Tally[]): Tally => ({
  passed: tallies.reduce((total, { passed }) => total + passed, 0),
  failed: tallies.reduce((total, { failed }) => total + failed, 0),
});

/** A test file that failed with no failed test in it (it could not be loaded, or a hook threw) counts as one failure. */
export function tallyVitest(report: VitestReport): Tally {
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + broken.length };
}

/** Vitest may fail with every test passed, for example by an error outside of any test: that is a failure too. */
export function tallyFolder(folder: string): Tally {
  const checks = readdirSync(folder)
    .filter((file) => file.endsWith('.check'))
    .map((file) => (read(folder, file) === 'passed' ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }));
  const reportFile = join(folder, 'vitest.json');
  const tests = existsSync(reportFile)
    ? tallyVitest(JSON.parse(readFileSync(reportFile, 'utf8')) as VitestReport) // written by vitest just before
    : { passed: 0, failed: 0 };
  const unexplained = read(folder, 'vitest.status') !== '0' && tests.failed === 0 ? 1 : 0;
  return sum([...checks, tests, { passed: 0, failed: unexplained }]);
}

const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8').trim();

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: tally.ts FOLDER');
  const { passed, failed } = tallyFolder(folder);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
