import { closeSync, writeFileSync } from 'node:fs';
import { beginningOf, createMemoryFile } from './memory-file.ts';
import { spawnProcess } from './spawn.ts';
import { check, cLibrary } from './syscalls.ts';

/** One program to run to its end. */
export interface Command {
  readonly argv: readonly [string, ...string[]];
  /** Written to its standard input. */
  readonly input?: string;
  /** Killed after this time; default 30 s, so that nothing can hang its caller for ever. */
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The command gets no input and its output goes nowhere. For commands that leave a process behind, which would inherit it. */
  readonly detachOutput?: boolean;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs commands. Injected everywhere, so that what would be run can be read in a test without root. */
export interface CommandRunner {
  /** Resolves when the command exited 0; else throws CommandError with its words. */
  run(command: Command): Promise<CommandResult>;
}

export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly command: Command;
  readonly result: CommandResult;

  constructor(command: Command, result: CommandResult) {
    const words = (result.stderr.trim() || result.stdout.trim()).split('\n').slice(-3).join(' ');
    super(`${command.argv.join(' ').slice(0, 200)} exited with ${result.code}: ${words.slice(0, 500)}`);
    this.command = command;
    this.result = result;
  }
}

const DEFAULT_TIMEOUT_MS = 30_000;
const KILLED = 137;

export const systemRunner: CommandRunner = {
  async run(command) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = command;
    using files = standardFiles(command);
    const child = spawnProcess({
      argv: command.argv,
      stdio: files.stdio,
      env: { ...process.env, ...command.env },
      ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
    });
    let late = false;
    // again and again, because waiting for a child alone keeps no process alive: it would end before it hears of the child's end
    const timer = setInterval(() => {
      late = true;
      child.kill();
    }, timeoutMs);
    const code = await child.exited;
    clearInterval(timer);
    const why = late && code === KILLED ? `it did not end within ${timeoutMs} ms and was killed` : '';
    const result = { code, stdout: files.text(1), stderr: `${files.text(2)}${why}` };
    if (code !== 0) throw new CommandError(command, result);
    return result;
  },
};

/** Input and output of a command that is run to its end: files in memory, which make nobody wait. */
function standardFiles({ input = '', detachOutput = false }: Command) {
  if (detachOutput) return { stdio: [null, null, null] as const, text: () => '', [Symbol.dispose]() {} };
  const open = [createMemoryFile('output'), createMemoryFile('errors')];
  const [output = -1, errors = -1] = open;
  let stdin: number | null = null;
  if (input !== '') {
    stdin = createMemoryFile('input');
    open.push(stdin);
    writeFileSync(stdin, input);
    check(cLibrary().lseek(stdin, 0, SEEK_SET), 'lseek', 'the input of a command');
  }
  return {
    stdio: [stdin, output, errors] as const,
    text: (which: 1 | 2) => beginningOf(which === 1 ? output : errors),
    [Symbol.dispose]() {
      for (const fd of open) closeSync(fd);
    },
  };
}

const SEEK_SET = 0;
