import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, PlanetLabError } from '@planetlab/model';
import pg from 'pg';
import { clientConfig, PRIVATE_PORT, PRIVATE_ROLE } from './database.ts';
import { type Account, openWayTo, postgresAccount } from './postgres-account.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';

/** PostgreSQL of the distribution with a data folder of ours, reached only through a Unix socket that only we can open. */
export interface PrivateServer extends AsyncDisposable {
  readonly socketFolder: string;
  /** Starts it again when it died. Called whenever a connection is lost; does nothing when it runs. */
  ensureRunning(): Promise<void>;
}

interface Layout {
  readonly dataFolder: string;
  readonly socketFolder: string;
  readonly logFile: string;
  readonly binaries: string;
  readonly account: Account;
}

const START_TIMEOUT_MS = 60_000;
const START_ATTEMPTS = 10;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 25;
const END_TIMEOUT_MS = 1_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
/** Longest path of a Unix socket that the kernel takes. */
const SOCKET_PATH_LIMIT_BYTES = 107;

/** Every acknowledged change is on disk: fsync and synchronous_commit stay on. Memory is kept small. */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '32MB',
  work_mem: '4MB',
  maintenance_work_mem: '32MB',
  max_wal_size: '256MB',
  max_parallel_workers: '0',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  fsync: 'on',
  synchronous_commit: 'on',
  log_checkpoints: 'off',
  timezone: 'UTC',
};

/** Starts the server of this state folder, or takes over one that a killed PLC left running. */
export async function startPrivateServer(
  state: string,
  progress: (sentence: string) => void = () => {},
): Promise<PrivateServer> {
  const layout = layoutOf(state);
  openWayTo(state, layout.account);
  if (!existsSync(layout.dataFolder)) {
    progress('Making the database: this happens once.');
    await initialise(layout);
  }
  let starting: Promise<void> | undefined;
  const ensureRunning = (): Promise<void> => {
    starting ??= ensureStarted(layout).finally(() => {
      starting = undefined;
    });
    return starting;
  };
  await ensureRunning();
  return {
    socketFolder: layout.socketFolder,
    ensureRunning,
    async [Symbol.asyncDispose]() {
      await starting?.catch(() => {}); // whoever asked for the start has heard of it
      await stop(layout);
    },
  };
}

/** Stops a server that a killed PLC left behind, and removes its socket folder. */
export async function stopLeftoverServer(state: string): Promise<void> {
  const layout = { dataFolder: join(state, 'postgres'), socketFolder: socketFolderOf(state) };
  await stop(layout);
  rmSync(layout.socketFolder, { recursive: true, force: true });
}

function layoutOf(state: string): Layout {
  const dataFolder = join(state, 'postgres');
  return {
    dataFolder,
    socketFolder: socketFolderOf(state),
    logFile: join(state, 'postgres.log'),
    binaries: findPostgresBinaries(dataFolder),
    account: postgresAccount(),
  };
}

/** Inside the state folder, unless that would make too long a path: then in a short one named after it. */
function socketFolderOf(state: string): string {
  const inside = join(state, 'run');
  if (Buffer.byteLength(join(inside, `.s.PGSQL.${PRIVATE_PORT}.lock`)) <= SOCKET_PATH_LIMIT_BYTES) return inside;
  const base = process.getuid?.() === 0 ? '/run' : tmpdir();
  return join(base, `planetlab-${createHash('sha256').update(state).digest('hex').slice(0, 16)}`);
}

/** Made under another name and then renamed: a data folder that exists is complete. */
async function initialise(layout: Layout): Promise<void> {
  const unfinished = `${layout.dataFolder}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  chownSync(unfinished, layout.account.uid, layout.account.gid);
  const child = spawn(
    join(layout.binaries, 'initdb'),
    ['-D', unfinished, '-U', PRIVATE_ROLE, '-E', 'UTF8', '--locale=C.UTF-8', '-A', 'trust', '--no-instructions'],
    { ...spawnAs(layout.account), stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2000);
  });
  const code = await exitOf(child);
  if (code !== 0) throw new PlanetLabError('internal', `The database could not be made: ${complaint.trim()}`);
  renameSync(unfinished, layout.dataFolder);
}

async function ensureStarted(layout: Layout): Promise<void> {
  makeSocketFolder(layout);
  for (let attempt = 1; ; attempt++) {
    const child = runningPid(layout.dataFolder) === undefined ? launch(layout) : undefined;
    if (await becomesReady(layout, child)) return;
    // Right after a kill, processes of the old server may hold its memory for a moment.
    if (attempt === START_ATTEMPTS) {
      throw new PlanetLabError(
        'internal',
        `The private PostgreSQL server does not start; ${layout.logFile} says why: ${logTail(layout.logFile)}`,
      );
    }
    await sleep(200);
  }
}

function makeSocketFolder({ socketFolder, account }: Layout): void {
  mkdirSync(socketFolder, { recursive: true, mode: 0o700 });
  chmodSync(socketFolder, 0o700);
  chownSync(socketFolder, account.uid, account.gid);
}

/** In a process group of its own: Ctrl-C at a terminal reaches the PLC, which stops it in order. */
function launch(layout: Layout): ChildProcess {
  const tooLong = existsSync(layout.logFile) && statSync(layout.logFile).size > LOG_LIMIT_BYTES;
  const log = openSync(layout.logFile, tooLong ? 'w' : 'a', 0o600);
  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: layout.socketFolder });
  const child = spawn(
    join(layout.binaries, 'postgres'),
    [
      '-D',
      layout.dataFolder,
      '-p',
      String(PRIVATE_PORT),
      ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    { ...spawnAs(layout.account), stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  child.unref();
  return child;
}

const spawnAs = ({ uid, gid }: Account) => ({
  ...(uid === process.getuid?.() ? {} : { uid, gid }),
  cwd: '/',
  env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LANG: 'C.UTF-8', TZ: 'UTC' },
});

/** True when it answers; false when the child ended before it did. */
async function becomesReady(layout: Layout, child: ChildProcess | undefined): Promise<boolean> {
  let ended = false;
  const launched = child === undefined ? undefined : exitOf(child).then(() => (ended = true));
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!ended && performance.now() < deadline) {
    if (await answers(layout.socketFolder)) return true;
    if (launched === undefined && runningPid(layout.dataFolder) === undefined) return false;
    await sleep(POLL_MS);
  }
  return false;
}

async function answers(socketFolder: string): Promise<boolean> {
  const client = new pg.Client(clientConfig({ socketFolder }));
  client.on('error', () => {}); // a server on its way down: connect or query says so
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } catch {
    return false; // not yet
  } finally {
    await Promise.race([client.end().catch(() => {}), sleep(END_TIMEOUT_MS)]); // its connection may be half dead
  }
}

/** Fast stop: transactions are rolled back, then a last checkpoint. What does not end is made to, and recovers next time. */
async function stop(layout: Pick<Layout, 'dataFolder'>): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    const pid = runningPid(layout.dataFolder);
    if (pid === undefined) return;
    process.kill(pid, signal);
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    // Its pid file goes a moment before the process does.
    while (isServerOf(layout.dataFolder, pid) && performance.now() < deadline) await sleep(POLL_MS);
  }
}

/** The server's process, if the one in its pid file still is a server of this folder and not another that got its number. */
function runningPid(dataFolder: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0]);
    return isServerOf(dataFolder, pid) ? pid : undefined;
  } catch {
    return undefined; // no pid file
  }
}

/** False also for a process that has ended and only waits to be collected: it has no arguments any more. */
function isServerOf(dataFolder: string, pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(dataFolder);
  } catch {
    return false; // no such process
  }
}

const exitOf = (child: ChildProcess): Promise<number> =>
  new Promise((resolve) => {
    child.once('error', (error) => {
      process.emitWarning(`PostgreSQL could not be started: ${messageOf(error)}`);
      resolve(-1);
    });
    child.once('exit', (code) => resolve(code ?? -1));
  });

function logTail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-800).trim() : 'nothing';
}
