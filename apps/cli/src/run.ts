import { CommanderError } from 'commander';
import { ExitWith } from './exit.ts';
import { type Io, interruptionCode } from './io.ts';
import { buildProgram } from './program.ts';

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** Runs one command line to its exit code: the one place where errors become words. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof ExitWith) return error.code;
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
    // Loaded late: a program that only prints its help does not need them.
    const { fail, usageFailure } = await import('./fail.ts');
    const json = wantsJson(argv);
    if (error instanceof CommanderError) {
      if (error.code !== 'commander.help') usageFailure(io, error.message, json);
      return EXIT_USAGE;
    }
    if (io.interrupted.aborted) {
      io.stderr.write('pl: interrupted\n');
      return interruptionCode(io);
    }
    fail(io, error, json);
    return EXIT_FAILED;
  }
}

/** Whether `--json` stands before a `--`: asked without a parser, because the parser may be what failed. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end < 0 ? argv.length : end).includes('--json');
}
