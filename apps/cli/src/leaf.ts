import { type Command, Option } from 'commander';
import { type Io, wantsColor } from './io.ts';
import type { Printer } from './output/printer.ts';

const EVERYWHERE = 'Everywhere:';
const JSON_OPTION = new Option('--json', 'one JSON document on standard output').helpGroup(EVERYWHERE);
const VERBOSE_OPTION = new Option('--verbose', 'show each request').helpGroup(EVERYWHERE);
const CONFIG_OPTION = new Option('--config <file>', 'where the sign-in is kept').helpGroup(EVERYWHERE);
const URL_OPTION = new Option('--url <url>', 'address of the PLC').helpGroup(EVERYWHERE);
export const GLOBAL_OPTIONS = [JSON_OPTION, VERBOSE_OPTION, CONFIG_OPTION, URL_OPTION] as const;

/** One call of one command: the world, what was asked of it everywhere, and where its words go. */
export interface Invocation {
  readonly io: Io;
  readonly json: boolean;
  readonly verbose: boolean;
  readonly configFile: string | undefined;
  readonly url: string | undefined;
  readonly print: Printer;
}

/**
 * Finishes a command that does something: its summary and example for `--help`, the options that hold everywhere, and
 * its action. An option of the command's own wins over one that holds everywhere (`slice create --url`).
 */
export function leaf<A extends unknown[]>(
  command: Command,
  io: Io,
  text: { readonly summary?: string; readonly example: string },
  work: (invocation: Invocation, ...given: A) => Promise<void>,
): Command {
  for (const option of GLOBAL_OPTIONS) {
    if (!command.options.some((own) => own.long === option.long)) command.addOption(option);
  }
  if (text.summary !== undefined) command.description(text.summary);
  command.addHelpText('after', `\nExample:\n  $ ${text.example}`);
  // The parser gives the declared arguments and the options, whose types its declaration beside this call says, and itself.
  return command.action(async (...given: unknown[]) =>
    work(await invocationOf(command, io), ...(given.slice(0, -1) as A)),
  );
}

async function invocationOf(command: Command, io: Io): Promise<Invocation> {
  const { createPrinter } = await import('./output/printer.ts');
  const json = globalOption(command, JSON_OPTION) === true;
  return {
    io,
    json,
    verbose: globalOption(command, VERBOSE_OPTION) === true,
    configFile: textOf(globalOption(command, CONFIG_OPTION)),
    url: textOf(globalOption(command, URL_OPTION)),
    print: createPrinter({
      stdout: io.stdout,
      stderr: io.stderr,
      json,
      color: wantsColor(io, io.stdout),
      nowMs: io.now(),
    }),
  };
}

/** Given after the command, or before it. Only where the option is the global one: `slice create --url` is another. */
function globalOption(command: Command, option: Option): unknown {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const value: unknown = at.options.includes(option) ? at.getOptionValue(option.attributeName()) : undefined;
    if (value !== undefined) return value;
  }
  return undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
