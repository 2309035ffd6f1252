/**
 * `failed-files.ts REPORT`: prints the test files that failed in a JSON report of vitest, one a line, and exits 0; exits 1
 * where a second attempt could not help: there are none, there is no report, or so many failed that it is no accident.
 */
import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { VitestReport } from './tally.ts';

/** More than this is a defect of the change or of the machine, not a disturbance. */
const MOST = 8;

export const failedFiles = (report: VitestReport): string[] =>
  report.testResults.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error('usage: failed-files.ts REPORT');
  const failed = existsSync(file) ? failedFiles(JSON.parse(readFileSync(file, 'utf8')) as VitestReport) : []; // vitest wrote it just before
  process.stdout.write(failed.map((path) => `${path}\n`).join(''));
  process.exitCode = failed.length > 0 && failed.length <= MOST ? 0 : 1;
}
