import { randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { MACHINE, type MakeContext, outcome, run, startMachine } from './context.ts';

const MIB = 1024 * 1024;

export function describeExec(makeContext: MakeContext): void {
  describe('a program in a machine', () => describeProgram(makeContext));
  describe('the streams of a program', () => describeStreams(makeContext));
}

function describeProgram(makeContext: MakeContext): void {
  it('gives its exit code', async () => {
    await using context = await makeContext();
    await startMachine(context);
    expect((await run(context.vmm, ['true'])).exit).toEqual({ code: 0 });
    expect((await run(context.vmm, ['false'])).exit).toEqual({ code: 1 });
    expect((await run(context.vmm, ['sh', '-c', 'exit 3'])).exit).toEqual({ code: 3 });
  });

  it('gets its arguments as they are, options and blanks included', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const { stdout } = await run(context.vmm, ['echo', '--tty', 'a  b', '$HOME', '*']);
    expect(stdout).toBe('--tty a  b $HOME *\n');
  });

  it('that does not exist ends with 127 and says so, as in a shell', async () => {
    await using context = await makeContext();
    await startMachine(context);
    for (const name of ['no-such-program', '--version', '/no/such/program']) {
      const { exit, stderr } = await run(context.vmm, [name]);
      expect(exit).toEqual({ code: 127 });
      expect(stderr).toContain(name.slice(1));
    }
  });

  it('is ended by kill, also when it is killed at once and twice', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const program = await context.vmm.exec(MACHINE, { argv: ['sleep', '60'] });
    program.kill();
    program.kill();
    expect((await outcome(program)).exit).toEqual({ code: 137, signal: 'SIGKILL' });
    program.kill();
    expect((await run(context.vmm, ['true'])).exit).toEqual({ code: 0 });
  });

  it('runs beside others', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const outcomes = await Promise.all([1, 2, 3, 4].map((n) => run(context.vmm, ['sh', '-c', `echo ${n}; exit ${n}`])));
    expect(outcomes.map(({ stdout, exit }) => [stdout, exit.code])).toEqual([1, 2, 3, 4].map((n) => [`${n}\n`, n]));
  });

  it('is refused while the machine is created, paused or stopped', async () => {
    await using context = await makeContext();
    const { vmm } = context;
    const refused = () => expect(run(vmm, ['true'])).rejects.toMatchObject({ code: 'sliver_not_running' });
    await vmm.create(await context.makeSpec(MACHINE));
    await refused();
    await vmm.start(MACHINE);
    await vmm.pause(MACHINE);
    await refused();
    await vmm.resume(MACHINE);
    await vmm.stop(MACHINE, { graceMs: 0 });
    await refused();
  });
}

function describeStreams(makeContext: MakeContext): void {
  it('keeps output and errors apart', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const both = await run(context.vmm, ['sh', '-c', 'echo out; echo err >&2']);
    expect(both).toEqual({ stdout: 'out\n', stderr: 'err\n', exit: { code: 0 } });
  });

  it('passes on every byte of its input', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const input = randomBytes(MIB);
    const program = await context.vmm.exec(MACHINE, { argv: ['cat'] });
    program.stdin.end(input);
    const [output, exit] = await Promise.all([buffer(program.stdout), program.exit, buffer(program.stderr)]);
    expect(output.equals(input)).toBe(true);
    expect(exit).toEqual({ code: 0 });
  });

  it('may end without reading its input', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const program = await context.vmm.exec(MACHINE, { argv: ['true'] });
    program.stdin.write(randomBytes(MIB));
    expect((await outcome(program)).exit).toEqual({ code: 0 });
  });
}
