import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { http1DuplexOpener } from '@planetlab/contract/http2';
import { isErrno } from '@planetlab/linux';
import { isPlanetLabError } from '@planetlab/model';
import type { LabEnvironment, LabPaths } from './environment.ts';
import type { LabLayout } from './layout.ts';
import { type StartedProcess, startDetached } from './processes.ts';
import type { LabMode } from './types.ts';

/** Where `pl` looks when it is told nothing else. */
const PREFERRED_PORT = 8420;
const PREFERRED_NODE_PORT = 8421;

export interface LabPlc {
  readonly process: StartedProcess;
  readonly url: string;
}

/** The PLC as its administrator sees it. */
export interface PlcAccess {
  readonly client: Client<typeof plcRoutes>;
  readonly openDuplex: ReturnType<typeof http1DuplexOpener>;
}

/** Starts the PLC. People reach it on loopback; nodes on the hub's address, or on loopback too where they are simulated. */
export async function startPlc(
  { programs }: LabEnvironment,
  paths: LabPaths,
  layout: LabLayout,
  mode: LabMode,
): Promise<LabPlc> {
  const port = await freePort('127.0.0.1', PREFERRED_PORT);
  const url = `http://127.0.0.1:${port}`;
  const nodeHost = mode === 'real' ? layout.hub.ipv4 : '127.0.0.1';
  const nodeEndpoint = `${nodeHost}:${await freePort(nodeHost, PREFERRED_NODE_PORT)}`;
  const process = await startDetached(paths, 'plc', [
    programs.node,
    ...[programs.plc, 'run', '--state', paths.plc, '--authority', layout.name],
    ...['--listen', `127.0.0.1:${port}`, '--public-url', url, '--console', programs.consoleDirectory],
    ...['--node-listen', nodeEndpoint, '--node-address', nodeEndpoint],
  ]);
  return { process, url };
}

/** Whether the PLC answers; undefined while it does not. */
export async function plcAnswers(url: string, signal?: AbortSignal): Promise<true | undefined> {
  try {
    await createClient(plcRoutes, fetchTransport(url)).health({}, signal === undefined ? {} : { signal });
    return true;
  } catch (error) {
    if (isPlanetLabError(error)) return undefined; // not yet, or no more: the caller decides what that means
    throw error;
  }
}

/** Signs in as the lab's administrator. */
export async function openPlc(url: string, paths: LabPaths, signal: AbortSignal): Promise<PlcAccess> {
  const token = (await readFile(paths.adminToken, 'utf8')).trim();
  const authorization = { authorization: `Bearer ${token}` };
  const transport = withHeaders(fetchTransport(url), () => authorization);
  return {
    client: createClient(plcRoutes, (request) => transport({ signal, ...request })),
    openDuplex: http1DuplexOpener(url, authorization),
  };
}

/** The preferred port if nobody listens on it, else one that the kernel chooses. */
async function freePort(host: string, preferred: number): Promise<number> {
  for (const port of [preferred, 0]) {
    const server = createServer();
    server.listen(port, host);
    try {
      await once(server, 'listening');
    } catch (error) {
      if (isErrno(error, 'EADDRINUSE')) continue;
      throw error;
    }
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (typeof address === 'object' && address !== null) return address.port;
  }
  throw new Error(`no free port on ${host}`);
}
