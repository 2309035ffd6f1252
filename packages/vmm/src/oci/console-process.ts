import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { duplicateDescriptor, listenForDescriptor, setTerminalSize } from '@planetlab/linux';
import type { TerminalSize } from '../exec.ts';
import type { ClientProcess } from './client-process.ts';
import { handOver } from './output.ts';

export const END_OF_TRANSMISSION = '\x04';

/**
 * Starts a program on a terminal inside the machine, of which the runtime hands the controlling end over to us
 * (`--console-socket`). Not through the runtime's own relay: crun 1.8 loses or garbles what a short program writes
 * before that relay runs, and passes on no change of size.
 */
export async function spawnWithConsole(
  program: string,
  args: (consoleSocket: string) => readonly string[],
  size: TerminalSize,
  { folder, starting }: { readonly folder: string; readonly starting: <T>(start: () => T) => T },
): Promise<ClientProcess> {
  const path = join(folder, 'console');
  using listener = listenForDescriptor(path);
  const client = starting(() => spawn(program, args(path), { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/', env: {} }));
  const gone = new AbortController();
  const exited = new Promise<number>((resolve) => {
    client.once('exit', (code, signal) => {
      gone.abort();
      resolve(code ?? (signal === null ? 255 : 137));
    });
  });
  await once(client, 'spawn');
  const fd = await listener.receive(gone.signal);
  if (fd === undefined) return withoutTerminal(client.stderr, exited);
  try {
    setTerminalSize(fd, size);
    return onTerminal(fd, exited);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function onTerminal(fd: number, exited: Promise<number>): ClientProcess {
  // Reading ends when the program closes its descriptors. Were that the last of ours as well, the terminal would hang up
  // and end with SIGHUP a program that is just about to exit with its own code.
  let held: number | undefined = duplicateDescriptor(fd);
  const terminal = new ReadStream(fd);
  const output = handOver(terminal, exited);
  const ended = (async () => {
    const code = await exited;
    if (held !== undefined) closeSync(held);
    held = undefined;
    await output.done;
    return code;
  })();
  const stdin = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      terminal.write(chunk, () => done()); // a failure means that the program has ended; its exit status tells
    },
    final: (done) => {
      terminal.write(END_OF_TRANSMISSION, () => done()); // what a person would type to say so
    },
  });
  const resize = (size: TerminalSize) => {
    if (held !== undefined) setTerminalSize(held, size);
  };
  const { stream: stdout, close: closeOutput } = output;
  return { stdin, stdout, stderr: Readable.from([]), exited, ended, closeOutput, resize };
}

/** The runtime ended before there was a terminal: its words are all there is to show. */
function withoutTerminal(words: Readable, exited: Promise<number>): ClientProcess {
  const stdin = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stdout = words.pipe(new PassThrough());
  const none = () => {};
  return { stdin, stdout, stderr: Readable.from([]), exited, ended: exited, closeOutput: none, resize: none };
}
