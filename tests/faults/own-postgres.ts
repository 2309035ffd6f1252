import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A PostgreSQL server as an operator has one beside the PLC. It is reached through a socket in its folder. */
export interface OwnPostgres extends AsyncDisposable {
  readonly url: string;
}

/** PostgreSQL refuses to be root's. */
const asItself = (): readonly string[] =>
  process.getuid?.() === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : [];

function binaries(): string {
  const folder = '/usr/lib/postgresql';
  const versions = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'bin/initdb')));
  return join(folder, versions.sort((a, b) => Number(b) - Number(a))[0] ?? '', 'bin');
}

/** `folder` is made, and belongs to the server; whoever made the test's folder removes it. */
export async function startOwnPostgres(folder: string): Promise<OwnPostgres> {
  mkdirSync(folder, { mode: 0o700 });
  if (process.getuid?.() === 0) execFileSync('chown', ['postgres:postgres', folder]);
  const [data, program] = [join(folder, 'data'), binaries()];
  const [initdb = '', ...initArgs] = [
    ...asItself(),
    ...[join(program, 'initdb'), '-D', data, '-U', 'plc', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8'],
  ];
  execFileSync(initdb, initArgs, { stdio: ['ignore', 'ignore', 'inherit'], cwd: '/' });
  const [server = '', ...serverArgs] = [
    ...asItself(),
    ...[join(program, 'postgres'), '-D', data, '-k', folder, '-c', 'listen_addresses=', '-c', 'max_connections=100'],
  ];
  const child = spawn(server, serverArgs, { stdio: 'ignore', cwd: '/' });
  await untilReady(child, program, folder);
  return {
    url: `postgresql://plc@localhost:5432/postgres?host=${encodeURIComponent(folder)}`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGINT'); // a fast stop
      await once(child, 'exit');
    },
  };
}

async function untilReady(child: ChildProcess, program: string, folder: string): Promise<void> {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
    if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
    try {
      execFileSync(join(program, 'pg_isready'), ['-q', '-h', folder, '-U', 'plc', '-d', 'postgres']);
      return;
    } catch {
      // not yet
    }
  }
  throw new Error('PostgreSQL did not become ready');
}
