import type { Sliver } from '@planetlab/contract';
import { aSliver } from '@planetlab/contract/testing';
import { describe, expect, it } from 'vitest';
import { painter } from '../output/paint.ts';
import { progressLines } from './progress.ts';

const sliver = (node: string, state: string, reason: { code: string; message: string } | null = null): Sliver =>
  aSliver({ node, state, reason, timeToRunningMs: state === 'running' ? 84 : null });

describe('the progress of slivers', () => {
  it('is a line for each with its state and reason, and a count', () => {
    const slivers = [
      sliver('tokyo', 'running'),
      sliver('zurich', 'refused', { code: 'admission_refused', message: 'The owner allows 5 slivers.' }),
    ];
    expect(progressLines(slivers, { rows: 24, columns: 80 }, painter(false))).toEqual([
      'tokyo   ● running  in 84 ms',
      'zurich  ✕ refused  The owner allows 5 slivers. [admission_refused]',
      '1 of 2 running',
    ]);
  });

  it('fits the terminal: those on their way first, lines cut at the edge', () => {
    const slivers = Array.from({ length: 40 }, (_, n) => sliver(`node${n}`, n === 39 ? 'starting' : 'running'));
    const lines = progressLines(slivers, { rows: 10, columns: 20 }, painter(false));
    expect(lines.length).toBe(8);
    expect(lines[0]).toContain('node39');
    expect(lines.at(-1)).toBe('39 of 40 running, 33 not shown');
    const long = progressLines(
      [sliver('a', 'failed', { code: 'x', message: 'y'.repeat(200) })],
      { rows: 10, columns: 40 },
      painter(false),
    );
    expect(long[0]?.length).toBeLessThan(40);
  });
});
