import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface RunProgramOptions {
  readonly cwd?: string;
  /** Ends the program. */
  readonly signal: AbortSignal;
}

/** Runs a program to its end; rejects when it fails. What it says as an error is seen. Ended with all that it started. */
export async function runProgram(argv: readonly [string, ...string[]], options: RunProgramOptions): Promise<void> {
  const [program, ...args] = argv;
  options.signal.throwIfAborted();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], cwd: options.cwd, detached: true });
  const stop = () => child.pid !== undefined && process.kill(-child.pid, 'SIGTERM');
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    const [code, signal] = await once(child, 'exit');
    options.signal.throwIfAborted();
    if (code !== 0) throw new Error(`${program} ended with ${code ?? signal}`);
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}
