import { once } from 'node:events';
import { createServer } from 'node:net';
import { isErrno } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';

/** The preferred port if nobody listens on it, else one that the kernel chooses. Another program may still be faster. */
export async function freePort(host: string, preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const free = await tryPort(host, port).catch((error: unknown) => {
      if (isErrno(error, 'EADDRINUSE')) return undefined;
      throw error;
    });
    if (free !== undefined) return free;
  }
  throw new Error(`no free port on ${host}`);
}

/** Makes sure that a port which a person asked for can be had. Throws `conflict`. */
export async function demandPort(host: string, port: number): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PlanetLabError('malformed_request', `${port} is not a port: give a number from 1 to 65535.`);
  }
  try {
    await tryPort(host, port);
  } catch (error) {
    if (isErrno(error, 'EADDRINUSE')) throw portTaken(host, port);
    if (!isErrno(error, 'EACCES')) throw error;
    throw new PlanetLabError('conflict', `You may not use the port ${port}: choose one above 1023.`, { cause: error });
  }
}

export const portTaken = (host: string, port: number): PlanetLabError =>
  new PlanetLabError(
    'conflict',
    `Another program listens at ${host}:${port} already: choose another with --port, or leave that out.`,
  );

/** Listens for a moment; resolves to the port. Fails as `listen` does. */
async function tryPort(host: string, port: number): Promise<number> {
  const server = createServer();
  server.listen(port, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new TypeError('a TCP server has an address and a port');
  return address.port;
}
