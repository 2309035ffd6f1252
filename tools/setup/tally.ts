/**
 * `tally.ts FOLDER`: sums up what test.sh left in the folder (`*.check`, `vitest.json`, `vitest.status`, and `again.*` of a
 * second attempt), says which files needed that, prints `N passed, N failed` as the last line and exits 0 only when nothing failed.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Tally {
  readonly passed: number;
  readonly failed: number;
  /** Files that failed first and passed alone. */
  readonly secondAttempts: readonly string[];
}

interface FileReport {
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

/** Of each file the last attempt counts. Vitest may fail with every test passed, by an error outside of any: that is a failure too. */
export function tallyFolder(folder: string): Tally {
  const checks = readdirSync(folder)
    .filter((file) => file.endsWith('.check'))
    .map((file) => read(folder, file) === 'passed');
  const first = reportIn(folder, 'vitest');
  const again = reportIn(folder, 'again');
  const repeated = new Set(again.map(({ name }) => name));
  const files = [...first.filter(({ name }) => !repeated.has(name)), ...again];
  const failed = sum(files.map(failuresOf));
  const unexplained =
    read(folder, 'vitest.status') !== '0' && sum(first.map(failuresOf)) === 0 ? 1 : statusOfSecond(folder, again);
  return {
    passed: sum(files.map((file) => countOf(file, 'passed'))) + checks.filter(Boolean).length,
    failed: failed + checks.filter((passed) => !passed).length + unexplained,
    secondAttempts: again.filter((file) => failuresOf(file) === 0).map(({ name }) => name),
  };
}

/** 1 when there was a second attempt that failed without a failed test. */
const statusOfSecond = (folder: string, again: readonly FileReport[]): number =>
  existsSync(join(folder, 'again.status')) && read(folder, 'again.status') !== '0' && sum(again.map(failuresOf)) === 0
    ? 1
    : 0;

/** Written by vitest just before; empty when it ended without a report. */
function reportIn(folder: string, name: string): readonly FileReport[] {
  const path = join(folder, `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as VitestReport).testResults : [];
}

const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8').trim();

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: tally.ts FOLDER');
  const { passed, failed, secondAttempts } = tallyFolder(folder);
  for (const name of secondAttempts) process.stdout.write(`passed only at the second attempt: ${name}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
