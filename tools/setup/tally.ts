/**
 * `tally.ts FOLDER`: sums up what test.sh left in the folder (`*.check`, `NAME.json` and `NAME.status` of each run of vitest;
 * `again` is the second attempt), says which files needed that, prints `N passed, N failed` as the last line and exits 0
 * only when nothing failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Files that failed first and passed alone. */
  readonly secondAttempts: readonly string[];
}

export interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly assertionResults: readonly { readonly status: string }[];
}

/** The part of vitest's JSON report that is read here. */
export interface VitestReport {
  readonly testResults: readonly FileReport[];
}

const countOf = (file: FileReport, status: string): number =>
  file.assertionResults.filter((test) => test.status === status).length;

/** A test file that failed with no failed test in it (it could not be loaded, or a hook threw) counts as one failure. */
const failuresOf = (file: FileReport): number => Math.max(countOf(file, 'failed'), file.status === 'failed' ? 1 : 0);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** The second attempt's name among the runs of vitest. */
const AGAIN = 'again';

/** Of each file the last attempt counts. */
export function tallyFolder(folder: string): Tally {
  const checks = readdirSync(folder)
    .filter((file) => file.endsWith('.check'))
    .map((file) => read(folder, file) === 'passed');
  const runs = runsIn(folder);
  const again = runs.find(({ name }) => name === AGAIN)?.files ?? [];
  const repeated = new Set(again.map(({ name }) => name));
  const first = runs.filter(({ name }) => name !== AGAIN).flatMap(({ files }) => files);
  const files = [...first.filter(({ name }) => !repeated.has(name)), ...again];
  return {
    passed: sum(files.map((file) => countOf(file, 'passed'))) + checks.filter(Boolean).length,
    failed: sum(files.map(failuresOf)) + checks.filter((passed) => !passed).length + runs.filter(isUnexplained).length,
    secondAttempts: again.filter((file) => failuresOf(file) === 0).map(({ name }) => name),
  };
}

/** One run of vitest. */
interface Run {
  readonly name: string;
  readonly status: string;
  /** Empty when it ended without a report. */
  readonly files: readonly FileReport[];
}

/** What has a status was run. */
export const runsIn = (folder: string): readonly Run[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.status'))
    .map((file) => {
      const name = file.slice(0, -'.status'.length);
      const report = join(folder, `${name}.json`);
      // written by vitest just before
      const files = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as VitestReport).testResults : [];
      return { name, status: read(folder, file), files };
    });

/** Vitest may fail with every test passed, by an error outside of any, or without a report: that is a failure too. */
const isUnexplained = ({ status, files }: Run): boolean => status !== '0' && sum(files.map(failuresOf)) === 0;

const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8').trim();

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: tally.ts FOLDER');
  const { passed, failed, secondAttempts } = tallyFolder(folder);
  for (const name of secondAttempts) process.stdout.write(`passed only at the second attempt: ${name}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
