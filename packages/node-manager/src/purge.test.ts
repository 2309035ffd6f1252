import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStartTime } from '@planetlab/linux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockOwner, takeNodeLock } from './node-lock.ts';
import { nodePaths } from './paths.ts';
import { haltNode, purgeNode } from './purge.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'planetlab-purge-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The state folder of a node that never ran. */
function state() {
  const paths = nodePaths(join(folder, 'node'));
  mkdirSync(paths.state);
  writeFileSync(paths.config, '{}');
  return paths;
}

describe('who works with a state folder', () => {
  it('is one process at a time, whatever one before has left in the lock', () => {
    const { lock } = state();
    writeFileSync(lock, `${process.pid} ${processStartTime(process.pid)}`); // of a process before a reboot, by chance
    expect(lockOwner(lock)).toBeUndefined();
    using _lock = takeNodeLock(lock);
    writeFileSync(lock, '1 1'); // of one that is gone
    expect(() => takeNodeLock(lock)).toThrow(`Process ${process.pid} has this state folder`);
  });

  it.each([
    ['purging', purgeNode],
    ['halting', haltNode],
  ])('is not disturbed by %s, nor the other way round', async (_what, clear) => {
    const { state: stateDir, lock } = state();
    {
      using _lock = takeNodeLock(lock);
      await expect(clear(stateDir)).rejects.toMatchObject({ code: 'conflict' });
    }
    const clearing = clear(stateDir);
    expect(() => takeNodeLock(lock)).toThrow('has this state folder');
    await clearing;
  });
});

describe('purging', () => {
  it('removes all there is, also what another purge has left, and makes nothing where there is nothing', async () => {
    const paths = state();
    mkdirSync(join(paths.bundles, 'some'), { recursive: true });
    await purgeNode(paths.state);
    expect(existsSync(paths.state)).toBe(false);
    await purgeNode(paths.state);
    expect(existsSync(paths.state)).toBe(false);
    mkdirSync(paths.state);
    writeFileSync(paths.lock, ''); // which goes last
    await purgeNode(paths.state);
    expect(existsSync(paths.state)).toBe(false);
  });

  it('leaves nothing behind in a folder that is no node’s', async () => {
    writeFileSync(join(folder, 'thesis.tex'), 'x');
    await expect(purgeNode(folder)).rejects.toMatchObject({ code: 'malformed_request' });
    expect(existsSync(nodePaths(folder).lock)).toBe(false);
  });
});
