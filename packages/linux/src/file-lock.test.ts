import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileLockOwner, tryLockFile } from './file-lock.ts';

const folder = mkdtempSync(join(tmpdir(), 'planetlab-lock-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the lock of a file', () => {
  it('is one’s alone, tells whose it is, and is free again when it is disposed of', () => {
    const path = join(folder, 'own');
    expect(fileLockOwner(path)).toBeUndefined();
    {
      using lock = tryLockFile(path);
      expect(lock).toBeDefined();
      expect(tryLockFile(path), 'while it is held').toBeUndefined();
      expect(fileLockOwner(path)).toBe(process.pid);
    }
    expect(fileLockOwner(path)).toBeUndefined();
    using again = tryLockFile(path);
    expect(again).toBeDefined();
  });

  it('does not depend on what the file says', () => {
    const path = join(folder, 'text');
    writeFileSync(path, `${process.pid} 0`);
    expect(fileLockOwner(path)).toBeUndefined();
    using lock = tryLockFile(path);
    expect(lock).toBeDefined();
    writeFileSync(path, '1 1');
    expect(fileLockOwner(path)).toBe(process.pid);
    expect(tryLockFile(path)).toBeUndefined();
    expect(readFileSync(path, 'utf8')).toBe('1 1');
  });

  it('is free as soon as its process has been killed', async () => {
    const path = join(folder, 'killed');
    const module = JSON.stringify(new URL('./file-lock.ts', import.meta.url));
    const program = `const { tryLockFile } = await import(${module});
      tryLockFile(${JSON.stringify(path)});
      console.log('locked');
      setInterval(() => {}, 60_000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    expect(fileLockOwner(path)).toBe(holder.pid);
    expect(tryLockFile(path)).toBeUndefined();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    using lock = tryLockFile(path);
    expect(lock).toBeDefined();
    expect(fileLockOwner(path)).toBe(process.pid);
  });

  it('is not made where there is no folder', () => {
    expect(() => tryLockFile(join(folder, 'none', 'lock'))).toThrow('ENOENT');
    expect(fileLockOwner(join(folder, 'none', 'lock'))).toBeUndefined();
  });
});
