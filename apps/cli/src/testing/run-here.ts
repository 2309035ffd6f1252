import { spawn } from 'node:child_process';
import { PassThrough, Writable } from 'node:stream';
import { spawn as spawnInTerminal } from '@lydell/node-pty';
import type { ExecStart } from '@planetlab/contract';
import type { ExecBackend } from '@planetlab/contract/server';

/** Runs the program on this machine, with PLANETLAB_NODE saying which node it pretends to be on. */
export function runHere(start: ExecStart, node: string): ExecBackend {
  const [program = '', ...args] = start.argv;
  const env = { ...process.env, ...start.env, PLANETLAB_NODE: node };
  if (start.terminal !== undefined) return inTerminal(start, env);
  const child = spawn(program, args, { env });
  const { promise: exit, resolve } = Promise.withResolvers<{ code: number }>();
  child.once('close', (code, signal) => resolve({ code: code ?? 137, ...(signal === null ? {} : { signal }) }));
  child.once('error', () => resolve({ code: 127 }));
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exit,
    resize() {},
    kill: () => void child.kill('SIGKILL'),
  };
}

function inTerminal({ argv, terminal }: ExecStart, env: Record<string, string | undefined>): ExecBackend {
  const [program = '', ...args] = argv;
  const pty = spawnInTerminal(program, args, { env, cols: terminal?.columns ?? 80, rows: terminal?.rows ?? 24 });
  const stdout = new PassThrough();
  const { promise: exit, resolve } = Promise.withResolvers<{ code: number }>();
  pty.onData((text) => void stdout.write(Buffer.from(text)));
  pty.onExit(({ exitCode }) => {
    stdout.end();
    resolve({ code: exitCode });
  });
  const stdin = new Writable({
    write(chunk: Buffer, _encoding, done) {
      pty.write(chunk.toString());
      done();
    },
  });
  const stderr = new PassThrough();
  stderr.end();
  return {
    stdin,
    stdout,
    stderr,
    exit,
    resize: ({ columns, rows }) => pty.resize(columns, rows),
    kill: () => pty.kill('SIGKILL'),
  };
}
