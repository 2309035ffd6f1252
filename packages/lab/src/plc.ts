import { access, readFile } from 'node:fs/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { http1DuplexOpener } from '@planetlab/contract/http2';
import { isErrno } from '@planetlab/linux';
import { isPlanetLabError } from '@planetlab/model';
import type { LabPaths } from './environment.ts';
import type { NodesContext } from './nodes.ts';
import { freePort, portTaken } from './ports.ts';
import { type StartedProcess, startDetached, whileRunning } from './processes.ts';
import { waitUntil } from './wait.ts';

/** People reach the PLC here; nodes on the hub's address. */
export const PLC_HOST = '127.0.0.1';
/** Where `pl` looks when it is told nothing else. */
const PREFERRED_PORT = 8420;
const PREFERRED_NODE_PORT = 8421;
const MOST_ATTEMPTS = 5;
const READY_TIMEOUT_MS = 90_000;

export interface LabPlc {
  readonly process: StartedProcess;
  readonly url: string;
}

/** The PLC as its administrator sees it. */
export interface PlcAccess {
  readonly client: Client<typeof plcRoutes>;
  readonly openDuplex: ReturnType<typeof http1DuplexOpener>;
}

interface Addresses {
  readonly port: number;
  /** `host:port` for people, and for nodes. */
  readonly people: string;
  readonly nodes: string;
}

/**
 * Starts the PLC and waits until it serves. Its ports are chosen before it listens on them: when another program takes
 * one in between, others are tried, unless a person asked for this one.
 */
export async function startPlc(
  context: NodesContext,
  wantedPort: number | undefined,
  alongside: readonly StartedProcess[],
): Promise<LabPlc> {
  const { paths, signal } = context;
  for (let attempt = 1; ; attempt += 1) {
    const addresses = await chooseAddresses(context, wantedPort);
    const process = await runPlc(context, addresses);
    const url = `http://${addresses.people}`;
    const options = { what: 'the PLC to answer', timeoutMs: READY_TIMEOUT_MS, pollMs: 30 };
    try {
      await whileRunning([...alongside, process], signal, (signal) =>
        waitUntil(() => ownPlcAnswers(url, paths, signal), { ...options, signal }),
      );
      return { process, url };
    } catch (error) {
      const taken = [addresses.people, addresses.nodes].find((address) => wasTaken(error, address));
      if (taken === addresses.people && wantedPort !== undefined) throw portTaken(PLC_HOST, wantedPort);
      if (taken === undefined || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** The PLC ends with this sentence when it cannot listen. */
const wasTaken = (error: unknown, address: string): boolean =>
  isPlanetLabError(error) && error.message.includes(`listens at ${address} already`);

async function chooseAddresses({ layout, mode }: NodesContext, wantedPort: number | undefined): Promise<Addresses> {
  const port = wantedPort ?? (await freePort(PLC_HOST, PREFERRED_PORT));
  const nodeHost = mode === 'real' ? layout.hub.ipv4 : PLC_HOST;
  const nodePort = await freePort(nodeHost, PREFERRED_NODE_PORT);
  return { port, people: `${PLC_HOST}:${port}`, nodes: `${nodeHost}:${nodePort}` };
}

function runPlc({ environment, paths, layout }: NodesContext, addresses: Addresses): Promise<StartedProcess> {
  const { node, plc, consoleDirectory } = environment.programs;
  return startDetached(paths, { name: 'plc', what: 'the PLC' }, [
    node,
    ...[plc, 'run', '--state', paths.plc, '--authority', layout.name],
    ...['--listen', addresses.people, '--public-url', `http://${addresses.people}`, '--console', consoleDirectory],
    ...['--node-listen', addresses.nodes, '--node-address', addresses.nodes],
  ]);
}

/** Whether it is this lab's PLC that answers there, and its administrator's token is written; undefined while not. */
export async function ownPlcAnswers(url: string, paths: LabPaths, signal?: AbortSignal): Promise<true | undefined> {
  try {
    await access(paths.adminToken);
    const ours = await readFile(paths.authorityCertificate, 'utf8');
    const options = signal === undefined ? {} : { signal };
    const { caPem } = await createClient(plcRoutes, fetchTransport(url)).getAuthority({}, options);
    return caPem.trim() === ours.trim() ? true : undefined;
  } catch (error) {
    // Not yet, or no more, or something else that answers there: the caller decides what that means.
    if (isPlanetLabError(error) || isErrno(error, 'ENOENT')) return undefined;
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
