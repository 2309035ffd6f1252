import { isPlanetLabError, messageOf } from '@planetlab/model';

/** Prints data as JSON when that was asked for, else the words. */
export function print(json: boolean | undefined, data: unknown, words: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(data, null, 2)}\n` : `${words}\n`);
}

/** An expected failure is a sentence; anything else is a fault of ours, with its trace. */
export function fail(error: unknown): void {
  if (isPlanetLabError(error)) process.stderr.write(`${error.message} (${error.code})\n`);
  else process.stderr.write(`${error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error)}\n`);
  process.exitCode = 1;
}
