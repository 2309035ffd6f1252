import { closeSync, fchownSync } from 'node:fs';
import { Socket } from 'node:net';
import { createPipe, spawnProcess } from '@planetlab/linux';
import type { ClientProcess } from './client-process.ts';
import { handOver } from './output.ts';

/**
 * Starts a program on three real pipes that belong to `ownerId`, so that what runs inside a machine may open
 * /dev/stdout and /dev/stderr by name.
 */
export function spawnWithPipes(
  program: string,
  args: readonly string[],
  ownerId: number,
  starting: <T>(start: () => T) => T,
): ClientProcess {
  const pipes = [createPipe(), createPipe(), createPipe()] as const;
  const [input, output, errors] = pipes;
  const theirs = [input.readFd, output.writeFd, errors.writeFd];
  const ours = [input.writeFd, output.readFd, errors.readFd];
  try {
    for (const fd of theirs) fchownSync(fd, ownerId, ownerId);
    const stdio = [input.readFd, output.writeFd, errors.writeFd] as const;
    const { exited } = starting(() => spawnProcess({ argv: [program, ...args], stdio, cwd: '/', env: {} }));
    return streamsOf(ours, exited);
  } catch (error) {
    for (const fd of ours) closeSync(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
}

function streamsOf(fds: readonly number[], exited: Promise<number>): ClientProcess {
  const [inFd = -1, outFd = -1, errFd = -1] = fds;
  const stdin = new Socket({ fd: inFd, readable: false, writable: true });
  stdin.on('error', () => {}); // the program ended without reading everything: its exit status tells
  const stdout = handOver(new Socket({ fd: outFd, readable: true, writable: false }), exited);
  const stderr = handOver(new Socket({ fd: errFd, readable: true, writable: false }), exited);
  const ended = (async () => {
    const code = await exited;
    stdin.destroy();
    await Promise.all([stdout.done, stderr.done]);
    return code;
  })();
  const closeOutput = () => {
    for (const output of [stdout, stderr]) output.close();
  };
  return { stdin, stdout: stdout.stream, stderr: stderr.stream, exited, ended, closeOutput, resize: () => {} };
}
