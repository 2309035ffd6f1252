/**
 * `failed-files.ts FOLDER`: prints the test files that failed in the runs of vitest that test.sh left there, one a line, and
 * exits 0; exits 1 where a second attempt could not help: there are none, or so many that it is no accident.
 */
import { relative } from 'node:path';
import { type FileReport, runsIn } from './tally.ts';

/** More than this is a defect of the change or of the machine, not a disturbance. */
const MOST = 8;

export const failedFiles = (files: readonly FileReport[]): string[] =>
  files.filter(({ status }) => status === 'failed').map(({ name }) => relative(process.cwd(), name));

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: failed-files.ts FOLDER');
  const failed = failedFiles(runsIn(folder).flatMap(({ files }) => files));
  process.stdout.write(failed.map((path) => `${path}\n`).join(''));
  process.exitCode = failed.length > 0 && failed.length <= MOST ? 0 : 1;
}
