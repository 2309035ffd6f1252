import { once } from 'node:events';
import { createServer } from 'node:net';
import { isErrno } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';

/**
 * Runs `work` while no other process of this machine works at the same lab. The lock is a socket in Linux's abstract
 * name space: the kernel lets it go with the process, however that ends, and no file is left. Elsewhere there is none.
 */
export async function withLabLock<T>(labName: string, work: () => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return work();
  const server = createServer((socket) => socket.destroy());
  server.listen(`\0planetlab-lab-${process.getuid?.() ?? 0}-${labName}`);
  try {
    await once(server, 'listening');
  } catch (error) {
    if (!isErrno(error, 'EADDRINUSE')) throw error;
    throw new PlanetLabError(
      'conflict',
      `Another process is just starting or stopping the lab "${labName}": wait for it, or use another name.`,
    );
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}
