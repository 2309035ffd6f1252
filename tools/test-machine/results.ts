import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Part, PartResult } from './parts.ts';

/** What ran, kept as it comes, so that an interrupted run can be resumed. */
export interface Results {
  /** Whether it has passed before, with the same sources. */
  has(name: string): boolean;
  add(result: PartResult): void;
  all(): readonly PartResult[];
}

interface Kept {
  readonly sources: string;
  readonly results: readonly PartResult[];
}

export function openResults(file: string, sources: string, resume: boolean): Results {
  const before = resume && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Kept) : undefined; // our own
  let results = before?.sources === sources ? before.results.filter(({ failed }) => failed === 0) : [];
  return {
    has: (name) => results.some((result) => result.name === name),
    add(result) {
      results = [...results, result];
      writeFileSync(file, JSON.stringify({ sources, results } satisfies Kept));
    },
    all: () => results,
  };
}

/** Those named, in their order; all without names. Throws for a name that is none. */
export function choose(parts: readonly Part[], names: readonly string[]): readonly Part[] {
  if (names.length === 0) return parts;
  const unknown = names.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no ${unknown}; there are: ${parts.map(({ name }) => name).join(', ')}`);
  return parts.filter(({ name }) => names.includes(name));
}

export function table(results: readonly PartResult[]): string {
  const rows = [
    ['', 'passed', 'failed', 'skipped', 'seconds'],
    ...[...results, total(results)].map((each) =>
      [each.name, each.passed, each.failed, each.skipped, each.seconds].map(String),
    ),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? '').length));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column) + 2))).join('');
  return `${rows.map(line).join('\n')}\n`;
}

const total = (results: readonly PartResult[]) => {
  const sum = (key: 'passed' | 'failed' | 'skipped' | 'seconds') =>
    results.reduce((all, result) => all + result[key], 0);
  return {
    name: 'all',
    passed: sum('passed'),
    failed: sum('failed'),
    skipped: sum('skipped'),
    seconds: sum('seconds'),
  };
};

/** The run as `--json` prints it. */
export interface Outcome {
  /** Only when everything asked for was run and passed. */
  readonly ok: boolean;
  readonly seconds: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** What was asked for and has not run. */
  readonly missing: readonly string[];
  /** Why the run ended before its end. */
  readonly interruption?: string;
  readonly parts: readonly PartResult[];
}

export function outcomeOf(
  results: readonly PartResult[],
  parts: readonly Pick<Part, 'name'>[],
  seconds: number,
  interruption: string | undefined,
): Outcome {
  const missing = parts.map(({ name }) => name).filter((name) => !results.some((result) => result.name === name));
  const { passed, failed, skipped } = total(results);
  return {
    ok: failed === 0 && missing.length === 0 && interruption === undefined,
    ...{ seconds, passed, failed, skipped, missing },
    ...(interruption === undefined ? {} : { interruption }),
    parts: results,
  };
}
