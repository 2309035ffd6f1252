import { isPlanetLabError, messageOf } from '@planetlab/model';

/** Prints data as JSON when that was asked for, else the words. */
export function print(json: boolean | undefined, data: unknown, words: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(data, null, 2)}\n` : `${words}\n`);
}

/** An expected failure is a sentence, and one of the system is its own; anything else is a fault of ours, with its trace. What matters comes last: callers show the end. */
export function fail(error: unknown): void {
  const trace = error instanceof Error && !isPlanetLabError(error) ? `${error.stack}\n` : '';
  const code = isPlanetLabError(error) ? ` (${error.code})` : '';
  process.stderr.write(`${trace}${messageOf(error)}${code}\n`);
  process.exitCode = 1;
}
