import { describe, expect, it } from 'vitest';
import { MACHINE, type MakeContext, outcome, run, startMachine } from './context.ts';

const terminal = { rows: 33, columns: 101 };

export function describeTerminal(makeContext: MakeContext): void {
  describe('a program with a terminal', () => {
    describeControl(makeContext);
    describeOutput(makeContext);
  });
}

function describeControl(makeContext: MakeContext): void {
  it('sees its size', async () => {
    await using context = await makeContext();
    await startMachine(context);
    // A driver may set the size a moment after the program has begun; it then gets SIGWINCH.
    const { stdout, exit } = await run(context.vmm, ['sh', '-c', 'sleep 0.1; stty size'], { terminal });
    expect(onScreen(stdout)).toBe('33 101\n');
    expect(exit).toEqual({ code: 0 });
  });

  it('sees a new size', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const script = 'echo ready; sleep 0.5; stty size';
    const program = await context.vmm.exec(MACHINE, { argv: ['sh', '-c', script], terminal });
    let output = '';
    for await (const chunk of program.stdout) {
      if (output === '') program.resize({ rows: 50, columns: 132 });
      output += String(chunk);
    }
    expect(onScreen(output)).toBe('ready\n50 132\n');
    expect(await program.exit).toEqual({ code: 0 });
    program.resize(terminal);
  });

  it('reads what is typed until the end of the input', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const program = await context.vmm.exec(MACHINE, { argv: ['cat'], terminal });
    program.stdin.end('hello\n');
    const { stdout, exit } = await outcome(program);
    expect(onScreen(stdout)).toContain('hello\n');
    expect(exit).toEqual({ code: 0 });
  });

  it('is ended by kill', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const program = await context.vmm.exec(MACHINE, { argv: ['sleep', '60'], terminal });
    program.kill();
    expect((await outcome(program)).exit).toEqual({ code: 137, signal: 'SIGKILL' });
  });
}

function describeOutput(makeContext: MakeContext): void {
  it('loses nothing of what it writes, however soon it ends', async () => {
    await using context = await makeContext();
    await startMachine(context);
    for (let attempt = 0; attempt < 20; attempt++) {
      const { stdout } = await run(context.vmm, ['echo', 'x'.repeat(1000)], { terminal });
      expect(onScreen(stdout)).toBe(`${'x'.repeat(1000)}\n`);
    }
  });

  it('that does not exist ends with 127 and says so', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const { stdout, exit } = await run(context.vmm, ['no-such-program'], { terminal });
    expect(exit).toEqual({ code: 127 });
    expect(stdout).toContain('no-such-program');
  });

  it('writes errors and output to it, and gives its exit code', async () => {
    await using context = await makeContext();
    await startMachine(context);
    const script = 'echo out; echo err >&2; exit 5';
    const merged = await run(context.vmm, ['sh', '-c', script], { terminal });
    expect(onScreen(merged.stdout)).toBe('out\nerr\n');
    expect([merged.stderr, merged.exit]).toEqual(['', { code: 5 }]);
  });
}

/** What a person sees: lines end with one or more carriage returns (runc's relay adds one at times) and a line feed. */
const onScreen = (output: string): string => output.replaceAll(/\r+\n/g, '\n');
