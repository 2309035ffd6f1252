import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeScratch, removeScratchLeftovers } from './scratch.ts';

it('a folder of a run goes with it, or with the next run when it was killed', () => {
  const cache = mkdtempSync(join(tmpdir(), 'planetlab-scratch-'));
  try {
    const { pid } = spawnSync('true');
    mkdirSync(join(cache, `run-${pid}-killed`));
    mkdirSync(join(cache, 'trixie-0123'));
    {
      using scratch = makeScratch(cache);
      removeScratchLeftovers(cache);
      expect(existsSync(scratch.path)).toBe(true);
    }
    expect(readdirSync(cache)).toEqual(['trixie-0123']);
  } finally {
    rmSync(cache, { recursive: true });
  }
});
