import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fchownSync } from 'node:fs';
import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createPipe } from '@planetlab/linux';
import type { ClientProcess } from './client-process.ts';

/**
 * Starts a program on three real pipes that belong to `ownerId`, so that what runs inside a machine may open
 * /dev/stdout and /dev/stderr by name.
 */
export async function spawnWithPipes(
  program: string,
  args: readonly string[],
  ownerId: number,
): Promise<ClientProcess> {
  const pipes = [createPipe(), createPipe(), createPipe()] as const;
  const [input, output, errors] = pipes;
  const theirs = [input.readFd, output.writeFd, errors.writeFd];
  const ours = [input.writeFd, output.readFd, errors.readFd];
  try {
    for (const fd of theirs) fchownSync(fd, ownerId, ownerId);
    const child = spawn(program, args, { stdio: theirs, cwd: '/', env: {} });
    const exited = new Promise<number>((resolve) => {
      child.once('exit', (code, signal) => resolve(code ?? (signal === null ? 255 : 137)));
    });
    await once(child, 'spawn');
    return streamsOf(child.pid ?? 0, ours, exited);
  } catch (error) {
    for (const fd of ours) closeSync(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
}

function streamsOf(pid: number, fds: readonly number[], exited: Promise<number>): ClientProcess {
  const [inFd = -1, outFd = -1, errFd = -1] = fds;
  const stdin = new Socket({ fd: inFd, readable: false, writable: true });
  stdin.on('error', () => {}); // the program ended without reading everything: its exit status tells
  const stdout = outputOf(outFd, exited);
  const stderr = outputOf(errFd, exited);
  const ended = (async () => {
    const code = await exited;
    stdin.destroy();
    await Promise.all([stdout.handedOver, stderr.handedOver]);
    return code;
  })();
  return { pid, stdin, stdout: stdout.stream, stderr: stderr.stream, ended, resize: () => {} };
}

const IDLE_MS = 100;

/**
 * The output as a stream that ends when the program has closed it. A program that has ended, but left others behind that
 * hold its output open, does not keep its caller waiting: the stream then ends as soon as nothing more is in the pipe.
 */
function outputOf(fd: number, exited: Promise<unknown>) {
  const source = new Socket({ fd, readable: true, writable: false });
  const stream = new PassThrough();
  const handedOver = new Promise<void>((resolve) => source.once('close', () => resolve()));
  source.on('error', () => {}); // 'close' follows
  source.once('close', () => stream.end());
  source.pipe(stream);
  const cutOff = async () => {
    await exited;
    while (!source.closed) {
      const before = source.bytesRead;
      await delay(IDLE_MS, undefined, { ref: false });
      // Something that waits in `source` means that the reader is slow, not that the pipe is empty.
      if (source.bytesRead === before && source.readableLength === 0) source.destroy();
    }
  };
  void cutOff();
  return { stream, handedOver };
}
