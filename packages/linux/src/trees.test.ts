import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRunner } from './command.ts';
import { createTreeRemover } from './trees.ts';

const PATIENCE_MS = 600_000;

describe('removing a tree that somebody else has made', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-trees-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gets to the bottom of one that is deeper than a process has descriptors, and than a path may be long', async () => {
    const deep = join(folder, 'deep');
    mkdirSync(deep);
    const descend = 'i=0; while [ $i -lt 400 ]; do mkdir "$1" && cd -P "$1" || exit 1; i=$((i+1)); done';
    await systemRunner.run({ argv: ['sh', '-c', descend, 'sh', 'd'.repeat(100)], cwd: deep });
    const few = ['sh', '-c', 'ulimit -n 50; exec rm -rf -- "$1"', 'sh'] as const;
    await createTreeRemover(few).remove(deep, PATIENCE_MS);
    expect(existsSync(deep)).toBe(false);
  });

  it('takes what is not there for removed, and says what cannot be removed', async () => {
    const remover = createTreeRemover();
    await remover.remove(join(folder, 'none'), PATIENCE_MS);
    await expect(remover.remove('/proc/self', PATIENCE_MS)).rejects.toThrow(
      /^rm -rf -- \/proc\/self exited with 1: rm: /,
    );
  });

  it('goes on when its caller waits no longer, and is not begun twice', async () => {
    const [tree, begun, go] = ['tree', 'begun', 'go'].map((name) => join(folder, name)) as [string, string, string];
    mkdirSync(join(tree, 'below'), { recursive: true });
    const slow = ['sh', '-c', `echo >>${begun}; until [ -e ${go} ]; do sleep 0.02; done; rm -r "$1"`, 'sh'] as const;
    const remover = createTreeRemover(slow);
    await expect(remover.remove(tree, 50)).rejects.toThrow(`${tree} is large, and is still being removed after 50 ms`);
    const again = remover.remove(tree, PATIENCE_MS);
    await expect.poll(() => existsSync(begun)).toBe(true);
    writeFileSync(go, '');
    await again;
    expect(existsSync(tree)).toBe(false);
    expect(readFileSync(begun, 'utf8'), 'it was begun once').toBe('\n');
  });
});
