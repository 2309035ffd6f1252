import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { freePort } from '../tests/host/node-fixture.ts';
import { cpuSecondsOf, residentMiB } from './process-use.ts';

const PLC = join(import.meta.dirname, '../apps/plc/main.ts');
const START_TIMEOUT_MS = 120_000;

/** A PLC as it really runs, with its private PostgreSQL. */
export interface PlcProcess extends AsyncDisposable {
  readonly client: Client<typeof plcRoutes>;
  /** Text of a list, as a client that only reads it gets it. */
  read(path: string): Promise<string>;
  /** Stops it in order and starts it again; resolves when it answers. */
  restart(): Promise<void>;
  /** Processor seconds so far, of the PLC and of its database. */
  cpuSeconds(): { readonly plc: number; readonly database: number };
  residentMiB(): number;
}

export async function startPlcProcess(state: string): Promise<PlcProcess> {
  const [people, nodes] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const url = `http://${people}`;
  const args = [
    PLC,
    'run',
    '--state',
    state,
    '--listen',
    `${people}`,
    '--node-listen',
    `${nodes}`,
    '--log-level',
    'error',
  ];
  let child: ChildProcess;
  const start = async () => {
    child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (
      !(await fetch(`${url}/healthz`).then(
        (reply) => reply.ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null || performance.now() > deadline) throw new Error('the PLC does not start');
      await sleep(20);
    }
  };
  const stop = async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  await start();
  const headers = { authorization: `Bearer ${readFileSync(join(state, 'bootstrap-admin.token'), 'utf8').trim()}` };
  return {
    client: createClient(
      plcRoutes,
      withHeaders(fetchTransport(url), () => headers),
    ),
    async read(path) {
      const reply = await fetch(`${url}${path}`, { headers });
      if (!reply.ok) throw new Error(`${path}: ${reply.status} ${await reply.text()}`);
      return reply.text();
    },
    async restart() {
      await stop();
      await start();
    },
    cpuSeconds: () => ({ plc: cpuSecondsOf(child.pid ?? 0), database: databaseSeconds(state) }),
    residentMiB: () => residentMiB(child.pid ?? 0),
    async [Symbol.asyncDispose]() {
      await stop();
      const purge = spawn(process.execPath, [PLC, 'purge', '--state', state], { stdio: 'ignore' });
      await once(purge, 'exit');
    },
  };
}

/** The server with all that it has started: sessions that have ended are counted in it. Read anew when one ends meanwhile. */
function databaseSeconds(state: string): number {
  const server = Number(readFileSync(join(state, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
  for (;;) {
    const sessions = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim().split(' ').map(Number);
    try {
      return [...sessions, server].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
    } catch (error) {
      if (sessions.every((pid) => existsSync(`/proc/${pid}`))) throw error;
    }
  }
}
