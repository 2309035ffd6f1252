import { Readable, Writable } from 'node:stream';
import { type IPty, spawn } from '@lydell/node-pty';
import { makeTerminalRaw } from '@planetlab/linux';
import type { TerminalSize } from '../exec.ts';
import type { ClientProcess } from './client-process.ts';
import { END_OF_TRANSMISSION } from './console-process.ts';

/** Starts a program on a terminal that the runtime relays to one of ours (runc: it hands over none to a waiting client). */
export function spawnWithTerminal(program: string, args: readonly string[], size: TerminalSize): ClientProcess {
  const pty = spawn(program, [...args], {
    name: 'xterm-256color',
    rows: size.rows,
    cols: size.columns,
    cwd: '/',
    env: {},
    encoding: null, // bytes as they are: a character may be split between two chunks
  });
  const stdout = new Readable({ read: () => pty.resume() });
  makeRaw(pty);
  // With `encoding: null` the data is a Buffer, which the library's types leave out.
  pty.onData((chunk: string | Buffer) => {
    if (!stdout.push(chunk)) pty.pause();
  });
  const ended = new Promise<number>((resolve) => {
    pty.onExit(({ exitCode, signal }) => {
      stdout.push(null);
      resolve(signal === undefined || signal === 0 ? exitCode : 128 + signal);
    });
  });
  return {
    stdin: inputOf(pty),
    stdout,
    stderr: Readable.from([]),
    ...{ exited: ended, ended },
    closeOutput: () => {}, // the library waits for no others
    resize: ({ rows, columns }) => pty.resize(columns, rows),
  };
}

/** What is written goes to the terminal; the end of it is what a person would type to say so. */
const inputOf = (pty: IPty): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      // The library passes bytes on as they are; its types know only text.
      pty.write(chunk as unknown as string);
      done();
    },
    final(done) {
      pty.write(END_OF_TRANSMISSION);
      done();
    },
  });

/**
 * The runtime makes a second terminal inside the machine, and that is the program's. Ours only carries bytes: were it
 * an ordinary one, what is typed before the runtime is ready would be echoed twice, and an early end of input be lost.
 */
function makeRaw(pty: IPty): void {
  // The library has the descriptor as `fd`, but not in its types.
  if ('fd' in pty && typeof pty.fd === 'number') makeTerminalRaw(pty.fd);
}
