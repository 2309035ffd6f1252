import { isPlanetLabError, messageOf } from '@planetlab/model';

/** Prints data as JSON when that was asked for, else the words. */
export function print(json: boolean | undefined, data: unknown, words: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(data, null, 2)}\n` : `${words}\n`);
}

/**
 * An expected failure is a sentence, and the system's own (no such file) speaks for itself; anything else is a fault of
 * ours, with its trace. What matters comes last: callers show the end.
 */
export function fail(error: unknown): void {
  const expected = isPlanetLabError(error) || (error instanceof Error && 'syscall' in error);
  const trace = error instanceof Error && !expected ? `${error.stack}\n` : '';
  const code = isPlanetLabError(error) ? ` (${error.code})` : '';
  process.stderr.write(`${trace}${messageOf(error)}${code}\n`);
  process.exitCode = 1;
}
