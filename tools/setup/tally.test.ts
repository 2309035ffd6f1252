import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { failedFiles } from './failed-files.ts';
import { tallyFolder } from './tally.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planetlab-tally-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (files: Record<string, string>): void => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
};

/** A report over files, each with the states of its tests; a name with `!` before it could not be loaded. */
const report = (files: Record<string, string>) => ({
  testResults: Object.entries(files).map(([name, tests]) => ({
    name: name.replace('!', ''),
    status: name.startsWith('!') || tests.includes('failed') ? 'failed' : 'passed',
    assertionResults: tests
      .split(' ')
      .filter(Boolean)
      .map((status) => ({ status })),
  })),
});
const json = (files: Record<string, string>): string => JSON.stringify(report(files));

describe('the sum of all tests', () => {
  it('counts types and lint as one test each', () => {
    const files = { 'types.check': 'passed', 'lint.check': 'failed' };
    write({ ...files, 'vitest.json': json({ a: 'passed passed skipped' }), 'vitest.status': '0' });
    expect(tallyFolder(folder)).toMatchObject({ passed: 3, failed: 1 });
  });

  it('counts a file that could not be loaded as a failure', () => {
    write({ 'vitest.json': json({ '!a': '', b: 'passed failed' }), 'vitest.status': '1' });
    expect(tallyFolder(folder)).toMatchObject({ passed: 1, failed: 2 });
  });

  it('is never all right when vitest was not', () => {
    write({ 'vitest.json': json({ a: 'passed' }), 'vitest.status': '1' });
    expect(tallyFolder(folder)).toMatchObject({ passed: 1, failed: 1 });
  });

  it('is never all right without a report', () => {
    write({ 'vitest.status': '137' });
    expect(tallyFolder(folder)).toMatchObject({ passed: 0, failed: 1 });
  });

  it('takes the second attempt of a file that failed, and says which needed it', () => {
    write({ 'vitest.json': json({ a: 'passed', b: 'passed failed' }), 'vitest.status': '1' });
    write({ 'again.json': json({ b: 'passed passed' }), 'again.status': '0' });
    expect(tallyFolder(folder)).toEqual({ passed: 3, failed: 0, secondAttempts: ['b'] });
  });

  it('adds up runs that went on at the same time, each with its own end', () => {
    write({ 'unit.json': json({ a: 'passed passed' }), 'unit.status': '0' });
    write({ 'machine.json': json({ b: 'passed', c: 'failed' }), 'machine.status': '1' });
    expect(tallyFolder(folder)).toEqual({ passed: 3, failed: 1, secondAttempts: [] });
    write({ 'again.json': json({ c: 'passed' }), 'again.status': '0' });
    expect(tallyFolder(folder)).toEqual({ passed: 4, failed: 0, secondAttempts: ['c'] });
    write({ 'unit.status': '1' }); // by an error outside of any test
    expect(tallyFolder(folder)).toMatchObject({ passed: 4, failed: 1 });
  });

  it('stays failed when the second attempt fails, or leaves no report', () => {
    write({ 'vitest.json': json({ a: 'failed passed' }), 'vitest.status': '1' });
    write({ 'again.json': json({ a: 'failed passed' }), 'again.status': '1' });
    expect(tallyFolder(folder)).toEqual({ passed: 1, failed: 1, secondAttempts: [] });
    rmSync(join(folder, 'again.json'));
    expect(tallyFolder(folder).failed).toBeGreaterThan(0);
  });
});

it('a second attempt is made of the files that failed', () => {
  expect(failedFiles(report({ '/x/a': 'passed', '/x/b': 'failed', '!/x/c': '' }).testResults)).toHaveLength(2);
});
