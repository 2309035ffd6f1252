import type { Readable, Writable } from 'node:stream';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** A program to run inside a running machine. */
export interface ExecSpec {
  /** Program and arguments; the program is looked up in the machine's PATH. At least one element. */
  readonly argv: readonly string[];
  /** Variables added to the machine's own (PATH, HOME, TERM with a terminal). */
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** With a size, the program gets a terminal of that size, and what it writes all comes on `stdout`. */
  readonly terminal?: TerminalSize;
}

/** How a program ended: by its own exit code, or by a signal (then `code` is 128 + its number, as a shell says it). */
export interface ExitStatus {
  readonly code: number;
  readonly signal?: string;
}

/** A running program. All three streams obey back-pressure; the owner must read `stdout` and `stderr` to their ends. */
export interface ExecProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Empty with a terminal. */
  readonly stderr: Readable;
  /** Resolves once, after the program ended and its output was handed over. Never rejects. */
  readonly exit: Promise<ExitStatus>;
  /** No effect without a terminal or after the end. */
  resize(size: TerminalSize): void;
  /** Ends the program as SIGKILL does; no effect after the end. */
  kill(): void;
}
