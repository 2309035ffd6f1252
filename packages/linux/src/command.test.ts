import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemRunner } from './command.ts';

describe('running a command', () => {
  it('gives its output, and passes it its input', async () => {
    expect(await systemRunner.run({ argv: ['cat'], input: 'hello' })).toEqual({ code: 0, stdout: 'hello', stderr: '' });
  });

  it('fails with the words of the command', async () => {
    const failing = systemRunner.run({ argv: ['sh', '-c', 'echo no good >&2; exit 3'] });
    await expect(failing).rejects.toThrow(/exited with 3: no good/);
    await expect(systemRunner.run({ argv: ['no-such-program'] })).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('ends it when its time is over', async () => {
    await expect(systemRunner.run({ argv: ['sleep', '60'], timeoutMs: 50 })).rejects.toThrow(/exited with 137/);
  });

  it('ends it also in a process that has nothing else to do, which hears of that', async () => {
    const module = JSON.stringify(join(import.meta.dirname, 'command.ts'));
    const script = `import { systemRunner } from ${module};
const late = await systemRunner.run({ argv: ['sleep', '60'], timeoutMs: 50 }).catch(({ message }) => message);
console.log(late);`;
    const argv = [process.execPath, '--input-type=module', '--eval', script] as const;
    expect((await systemRunner.run({ argv })).stdout).toContain('it did not end within 50 ms and was killed');
  });

  it('does not wait for what it leaves behind when its output is detached', async () => {
    const before = performance.now();
    const leave = { argv: ['sh', '-c', 'sleep 20 & exit 0'], detachOutput: true } as const;
    expect(await systemRunner.run(leave)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(performance.now() - before).toBeLessThan(15_000);
  });
});
