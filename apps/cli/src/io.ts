import type { LabSignIn } from './session/lab.ts';

/** What a run of the program touches of the world: injected, so that tests run commands in their own process. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  /** The clock, in milliseconds since 1970. */
  now(): number;
  /** Aborted by Ctrl-C (reason `SIGINT`) or by `SIGTERM`: commands clean up and end. */
  readonly interrupted: AbortSignal;
  /** The lab that is up on this machine: where nothing else is said, commands go there. */
  findLab(): Promise<LabSignIn | undefined>;
  /** Opens an address in the person's browser, where there is one; whether there is. */
  openBrowser(url: string): Promise<boolean>;
}

export type Input = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
  unref?(): unknown;
};

/** Stops reading: an input that stays open would else keep the program alive. */
export function releaseInput(input: Input): void {
  input.pause();
  input.unref?.();
}

export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

/** The world of a real process. A second Ctrl-C ends it at once, should the cleaning up hang. */
export function processIo(process: NodeJS.Process): Io {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort(signal));
  // `pl node list | head`: who reads has seen enough, and that is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    interrupted: interruption.signal,
    findLab: async () => (await import('./session/lab.ts')).findLab(),
    openBrowser: async (url) => (await import('./session/browser.ts')).openBrowser(url, process.env),
  };
}

/** Exit code of an interrupted program, as shells know it: 128 and the signal's number. */
export const interruptionCode = (io: Io): number => (io.interrupted.reason === 'SIGTERM' ? 143 : 130);

/** Colours only on a terminal, and not where NO_COLOR is set (no-color.org) or the terminal is dumb. */
export const wantsColor = (io: Io, output: Output): boolean =>
  output.isTTY === true && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb';
