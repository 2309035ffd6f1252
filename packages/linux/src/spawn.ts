import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { findProgram } from './processes.ts';
import { check, cLibrary, SystemCallError } from './syscalls.ts';

/** A program to start, with descriptors that stay the caller's. */
export interface SpawnRequest {
  readonly argv: readonly [string, ...string[]];
  /** Its standard input, output and errors; null is nothing at all. Everything else is closed. */
  readonly stdio: readonly [number | null, number | null, number | null];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** A child of this process. */
export interface SpawnedProcess {
  readonly pid: number;
  /** Its exit code, or 128 and the signal that ended it. Never rejects. Waiting for it alone keeps no process alive. */
  readonly exited: Promise<number>;
  /** Ends it; no effect when it has ended. */
  kill(): void;
}

/** `posix_spawn_file_actions_t`, `posix_spawnattr_t` and `sigset_t` are smaller than this everywhere. */
const OPAQUE_BYTES = 1024;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const SIGKILL = 9;
const SIGSTOP = 19;
const LAST_SIGNAL = 31;

/**
 * Starts a program. Unlike Node's own `spawn` this does not fork: to copy the page tables of a process with a large heap
 * takes many times as long as the start of a small program. Throws SystemCallError when there is no such program.
 */
export function spawnProcess({ argv, stdio, env, cwd }: SpawnRequest): SpawnedProcess {
  const library = cLibrary();
  const family = children(); // before there is a child whose end could be missed
  const [actions, attributes] = [new Uint8Array(OPAQUE_BYTES), attributesOfChild()];
  const nothing = stdio.includes(null) ? openSync('/dev/null', 'r+') : -1;
  const pid = new Int32Array(1);
  library.posix_spawn_file_actions_init(actions);
  try {
    for (const [target, fd] of stdio.entries())
      library.posix_spawn_file_actions_adddup2(actions, fd ?? nothing, target);
    if (cwd !== undefined) library.posix_spawn_file_actions_addchdir_np(actions, cwd);
    const variables = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
    const result = library.posix_spawnp(
      pid,
      found(argv[0], env['PATH']),
      actions,
      attributes,
      [...argv, null],
      [...variables, null],
    );
    if (result !== 0) throw new SystemCallError('posix_spawn', result, argv[0]);
  } finally {
    library.posix_spawn_file_actions_destroy(actions);
    library.posix_spawnattr_destroy(attributes);
    if (nothing >= 0) closeSync(nothing);
  }
  return family.adopt(pid[0] ?? 0);
}

/** A name without a folder is looked for as the child would look for it: the C library would do so as this process does. */
function found(program: string, path: string | undefined): string {
  if (program.includes('/') || path === undefined) return program;
  const file = findProgram(program, path);
  if (file === undefined) throw new SystemCallError('posix_spawn', constants.errno.ENOENT, program);
  return file;
}

/** No signal is blocked or ignored: Node ignores some, and a child would inherit that. */
function attributesOfChild(): Uint8Array {
  const library = cLibrary();
  const attributes = new Uint8Array(OPAQUE_BYTES);
  library.posix_spawnattr_init(attributes);
  const defaults = Buffer.alloc(OPAQUE_BYTES);
  for (let signal = 1; signal <= LAST_SIGNAL; signal++) {
    if (signal === SIGKILL || signal === SIGSTOP) continue;
    const byte = (signal - 1) >> 3;
    defaults[byte] = (defaults[byte] ?? 0) | (1 << ((signal - 1) & 7));
  }
  library.posix_spawnattr_setsigdefault(attributes, defaults);
  library.posix_spawnattr_setsigmask(attributes, new Uint8Array(OPAQUE_BYTES));
  library.posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  return attributes;
}

const WNOHANG = 1;
const SIGNALLED = 128;

/** The children that were started here. Those of Node's own `spawn` are Node's. */
class Children {
  readonly #waiting = new Map<number, (code: number) => void>();

  constructor() {
    process.on('SIGCHLD', () => this.#collect());
  }

  adopt(pid: number): SpawnedProcess {
    const exited = new Promise<number>((resolve) => this.#waiting.set(pid, resolve));
    return {
      ...{ pid, exited },
      kill: () => {
        this.#collect();
        // until it is collected, its pid is its own
        if (this.#waiting.has(pid)) process.kill(pid, 'SIGKILL');
      },
    };
  }

  #collect(): void {
    const status = new Int32Array(1);
    for (const [pid, resolve] of this.#waiting) {
      if (check(cLibrary().waitpid(pid, status, WNOHANG), 'waitpid', String(pid)) === 0) continue;
      this.#waiting.delete(pid);
      resolve(exitCode(status[0] ?? 0));
    }
  }
}

/** Reads what wait(2) says: a signal in the lowest seven bits, or the exit code above them. */
export const exitCode = (status: number): number =>
  (status & 0x7f) === 0 ? (status >> 8) & 0xff : SIGNALLED + (status & 0x7f);

let known: Children | undefined;
/** One for the process: the kernel tells only the process that some child has ended. */
const children = (): Children => {
  known ??= new Children();
  return known;
};
