import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Part, PartResult } from './parts.ts';

/** What a part gave, of which sources, and when: so that it counts for these alone. */
export interface KeptResult extends PartResult {
  /** Of the sources that the part tests; see `sourcesKey`. */
  readonly sources: string;
  readonly commit: string;
  /** In UTC. */
  readonly at: string;
}

/** What ran, kept as it comes, so that a run can be made in pieces. */
export interface Results {
  /** Whether it has passed before, with the same sources. */
  has(name: string): boolean;
  add(result: PartResult): void;
  /** Of this run, and what counts for it of earlier ones. */
  all(): readonly KeptResult[];
}

export interface Stamp {
  /** The key of a part's sources as they are now. */
  readonly sourcesOf: (name: string) => string;
  readonly commit: string;
  readonly nowMs: () => number;
}

export function openResults(file: string, stamp: Stamp, resume: boolean): Results {
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as KeptResult[]) : []; // our own
  const without = (results: readonly KeptResult[], gone: string) => results.filter(({ name }) => name !== gone);
  let kept: readonly KeptResult[] = known.filter(({ name, sources }) => sources === stamp.sourcesOf(name));
  let results = resume ? kept.filter(({ failed }) => failed === 0) : [];
  return {
    has: (name) => results.some((result) => result.name === name),
    add(result) {
      const at = new Date(stamp.nowMs()).toISOString().slice(0, 16);
      const stamped = { ...result, sources: stamp.sourcesOf(result.name), commit: stamp.commit, at };
      results = [...results, stamped];
      kept = [...without(kept, result.name), stamped];
      writeFileSync(file, JSON.stringify(kept));
    },
    all: () => results,
  };
}

/** Those named, in the order in which they are named; all without names. Throws for a name that is none. */
export function choose(parts: readonly Part[], names: readonly string[]): readonly Part[] {
  if (names.length === 0) return parts;
  const unknown = names.find((name) => !parts.some((part) => part.name === name));
  if (unknown !== undefined)
    throw new Error(`there is no ${unknown}; there are: ${parts.map(({ name }) => name).join(', ')}`);
  return names.flatMap((name) => parts.filter((part) => part.name === name));
}

export function table(results: readonly KeptResult[]): string {
  const rows = [
    ['', 'passed', 'failed', 'skipped', 'seconds', 'commit', 'at (UTC)'],
    ...[...results, total(results)].map(({ name, passed, failed, skipped, seconds, commit, at }) =>
      [name, passed, failed, skipped, seconds, commit, at].map(String),
    ),
  ];
  const width = (column: number) => Math.max(...rows.map((row) => (row[column] ?? '').length));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(width(0)) : cell.padStart(width(column) + 2))).join('');
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}

const total = (results: readonly PartResult[]) => {
  const sum = (key: 'passed' | 'failed' | 'skipped' | 'seconds') =>
    results.reduce((all, result) => all + result[key], 0);
  return {
    ...{ name: 'all', commit: '', at: '' },
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
  readonly parts: readonly KeptResult[];
}

export function outcomeOf(
  results: readonly KeptResult[],
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
