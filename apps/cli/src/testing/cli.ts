import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Io } from '../io.ts';
import { run } from '../run.ts';
import type { LabSignIn } from '../session/lab.ts';

export const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly interrupted?: AbortSignal;
  /** The lab that is up on the machine. */
  readonly lab?: LabSignIn;
  readonly openBrowser?: (url: string) => Promise<boolean>;
}

/** Runs the program in this process, without a terminal, with the variables given and no others. */
export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const stdin = new PassThrough();
  stdin.end(options.input ?? '');
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const io: Io = {
    env: options.env ?? {},
    stdin,
    stdout,
    stderr,
    now: Date.now,
    interrupted: options.interrupted ?? new AbortController().signal,
    findLab: async () => options.lab,
    openBrowser: async (url) => (await options.openBrowser?.(url)) ?? false,
  };
  const [out, err] = [collect(stdout), collect(stderr)];
  const code = await run(argv, io);
  stdout.end();
  stderr.end();
  return { code, stdout: await out, stderr: await err };
}

async function collect(stream: PassThrough): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array)); // a byte stream gives bytes
  return Buffer.concat(chunks).toString('utf8');
}

/** A home of its own for one test, removed after it. */
export async function temporaryHome(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'planetlab-cli-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
