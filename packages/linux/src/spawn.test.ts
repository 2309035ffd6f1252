import { closeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { beginningOf, createMemoryFile, sealedCopy } from './memory-file.ts';
import { findProgram } from './processes.ts';
import { exitCode, spawnProcess } from './spawn.ts';

describe('starting a program', () => {
  const run = async (argv: readonly [string, ...string[]], env: Record<string, string> = {}) => {
    const output = createMemoryFile('output');
    try {
      const child = spawnProcess({ argv, stdio: [null, output, null], env, cwd: '/' });
      return { code: await child.exited, output: beginningOf(output) };
    } finally {
      closeSync(output);
    }
  };

  it('gives it exactly the environment and the descriptors that were named', async () => {
    const { code, output } = await run(
      ['/bin/sh', '-c', 'pwd; echo $A; readlink /proc/self/fd/* | grep -c memfd:planetlab; exit 7'],
      { A: 'b c', PATH: '/usr/bin:/bin' },
    );
    expect(code).toBe(7);
    expect(output).toBe('/\nb c\n0\n');
  });

  it('leaves no signal ignored that this process ignores', async () => {
    const { output } = await run(['grep', '-E', '^Sig(Ign|Blk)', '/proc/self/status']);
    // the C library keeps two beyond the 31 for itself
    expect(output).toMatch(/^SigBlk:\t0{16}\nSigIgn:\t0{7}[01][08]0{7}\n$/);
  });

  it('throws when there is no such program', () => {
    const missing = { argv: ['no-such-program'] as [string], stdio: [null, null, null] as const, env: {} };
    expect(() => spawnProcess(missing)).toThrow(/posix_spawn failed with ENOENT: no-such-program/);
  });

  it('ends many at once, each told apart', async () => {
    const children = Array.from({ length: 20 }, (_, code) =>
      spawnProcess({ argv: ['/bin/sh', '-c', `exit ${code}`], stdio: [null, null, null], env: {} }),
    );
    const killed = spawnProcess({ argv: ['sleep', '60'], stdio: [null, null, null], env: {} });
    killed.kill();
    expect(await Promise.all(children.map(({ exited }) => exited))).toEqual(
      Array.from({ length: 20 }, (_, code) => code),
    );
    expect(await killed.exited).toBe(137);
    killed.kill(); // no effect any more
  });

  it('reads what the kernel says of an end', () => {
    expect([0, 0x300, 9, 0x8b].map(exitCode)).toEqual([0, 3, 137, 139]);
  });
});

describe('a sealed copy of a program', () => {
  it('runs as the program does, and cannot be changed', async () => {
    const path = findProgram('echo', '/nowhere:/usr/bin:/bin');
    const fd = sealedCopy(path ?? '');
    try {
      const output = createMemoryFile('output');
      const argv = [`/proc/${process.pid}/fd/${fd}`, 'hello'] as const;
      expect(await spawnProcess({ argv, stdio: [null, output, null], env: {} }).exited).toBe(0);
      expect(beginningOf(output)).toBe('hello\n');
      closeSync(output);
      const change = ['sh', '-c', `echo x >> /proc/${process.pid}/fd/${fd}`] as const;
      expect(await spawnProcess({ argv: change, stdio: [null, null, null], env: process.env }).exited).not.toBe(0);
    } finally {
      closeSync(fd);
    }
  });
});
