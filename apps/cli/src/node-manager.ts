import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { messageOf, PlanetLabError } from '@planetlab/model';
import type { Io } from './io.ts';

/** The node manager of the same installation. */
const NODE_MANAGER = fileURLToPath(new URL('../../node-manager/main.ts', import.meta.url));

/**
 * Lets the node manager join with a token, which goes through its standard input: an argument could be read by everyone
 * on the machine. Resolves with its exit code; what it says goes straight to the person.
 */
export async function joinAsNode(io: Io, token: string, stateFolder: string): Promise<number> {
  const child = spawn(process.execPath, [NODE_MANAGER, 'join', '-', '--state', stateFolder], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const stop = () => void child.kill('SIGTERM');
  io.interrupted.addEventListener('abort', stop, { once: true });
  child.stdin.on('error', () => {}); // it ended before it read the token: its exit code and words tell
  child.stdin.end(`${token}\n`);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new PlanetLabError('internal', `The node manager did not start: ${messageOf(cause)}.`, { cause })),
      );
      child.once('exit', (code) => resolve(code ?? 1));
    });
  } finally {
    io.interrupted.removeEventListener('abort', stop);
  }
}
