import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = new URL('../../apps/plc/main.ts', import.meta.url).pathname;

/** A PLC as a program with its private PostgreSQL, which may be killed and started again at the same address. */
export interface PlcProcess extends AsyncDisposable {
  readonly url: string;
  readonly nodeAddress: string;
  readonly adminToken: string;
  readonly pid: number;
  /** The last that it said. */
  readonly said: readonly string[];
  start(): Promise<void>;
  /** At once, without a chance to tidy up. */
  kill(what: KillTarget): Promise<void>;
}

export type KillTarget = 'plc' | 'postgres' | 'both';
const SAID_LINES = 200;

export async function startPlcProcess(options: readonly string[] = []): Promise<PlcProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'planetlab-soak-'));
  await chmod(folder, 0o711); // the database's account passes through
  const state = join(folder, 'state');
  const [listen, nodeListen] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const said: string[] = [];
  let child: ChildProcess | undefined;

  const run = (args: readonly string[]): ChildProcess => {
    const started = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    createInterface({ input: started.stderr }).on('line', (line) => {
      said.push(line);
      if (said.length > SAID_LINES) said.shift();
    });
    return started;
  };
  const start = async (): Promise<void> => {
    const before = said.filter(isReady).length;
    child = run(['run', '--state', state, '--listen', listen, '--node-listen', nodeListen, ...options]);
    while (said.filter(isReady).length === before) {
      if (child.exitCode !== null) throw new Error(`the PLC did not start:\n${said.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const kill = async (what: KillTarget): Promise<void> => {
    if (what !== 'plc') killPostgres(state);
    if (what === 'postgres' || child === undefined) return;
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  return {
    url: `http://${listen}`,
    nodeAddress: nodeListen,
    said,
    start,
    kill,
    get adminToken() {
      return readFileSync(join(state, 'bootstrap-admin.token'), 'utf8').trim();
    },
    get pid() {
      return child?.pid ?? 0;
    },
    async [Symbol.asyncDispose]() {
      await kill('plc');
      const purge = run(['purge', '--state', state]);
      await once(purge, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const isReady = (line: string): boolean => line.startsWith('Ready: ');

function killPostgres(state: string): void {
  try {
    process.kill(Number(readFileSync(join(state, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]), 'SIGKILL');
  } catch {
    // it is not there just now: it was killed before and has not come back yet
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
