import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { StepRecord } from '@planetlab/contract';
import { toInstant } from '@planetlab/model';
import { unsynced } from './transaction.ts';

export interface StepEntry {
  readonly atMs: number;
  readonly slice: string | null;
  readonly step: string;
  readonly outcome: 'done' | 'failed';
  readonly durationMs: number;
  readonly message: string | null;
}

/** Older entries go: a sliver that fails for months must not fill the disk. */
const KEPT_STEPS = 10_000;
const PRUNED_EVERY = 500;

/**
 * The log of steps does not wait for the disk: a crash of the manager loses nothing of what is here, a crash of the machine
 * at most the last entries, and no sliver starts later for the sake of its log.
 */
export function createStepLog(database: DatabaseSync) {
  const insert = database.prepare(
    'INSERT INTO steps (at_ms, slice, step, outcome, duration_ms, message) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const prune = database.prepare('DELETE FROM steps WHERE id <= (SELECT max(id) FROM steps) - ?');
  let sincePruned = PRUNED_EVERY;
  return {
    append(steps: readonly StepEntry[]): void {
      if (steps.length === 0) return;
      unsynced(database, () => {
        for (const { atMs, slice, step, outcome, durationMs, message } of steps) {
          insert.run(atMs, slice, step, outcome, Math.round(durationMs * 100) / 100, message);
        }
        sincePruned += steps.length;
        if (sincePruned >= PRUNED_EVERY) {
          prune.run(KEPT_STEPS);
          sincePruned = 0;
        }
      });
    },

    /** Newest first. */
    list(query: {
      readonly slices: readonly string[] | 'all';
      readonly limit: number;
      readonly before?: number | undefined;
    }): readonly StepRecord[] {
      const conditions: string[] = [];
      const values: SQLInputValue[] = [];
      if (query.slices !== 'all') {
        conditions.push(`slice IN (${query.slices.map(() => '?').join(', ')})`);
        values.push(...query.slices);
      }
      if (query.before !== undefined) {
        conditions.push('id < ?');
        values.push(query.before);
      }
      const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
      const rows = database
        .prepare(`SELECT * FROM steps ${where} ORDER BY id DESC LIMIT ?`)
        .all(...values, query.limit);
      return rows.map((row) =>
        StepRecord.parse({
          id: row['id'],
          at: toInstant(Number(row['at_ms'])),
          slice: row['slice'],
          step: row['step'],
          outcome: row['outcome'],
          durationMs: row['duration_ms'],
          message: row['message'],
        }),
      );
    },
  };
}
