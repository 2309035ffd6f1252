import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PlanetLabError } from '@planetlab/model';
import { type DatabaseAddress, PRIVATE_DATABASE, PRIVATE_PORT, PRIVATE_ROLE } from '../store/database.ts';

type Program = 'pg_dump' | 'pg_restore';

const DISTRIBUTION_FOLDER = '/usr/lib/postgresql';
const COMPLAINT_CHARACTERS = 2000;

/** Rows that are true only of the processes that run now. */
const NOT_KEPT = ['processes', 'uplinks'];

/** All of the database as of one moment, in PostgreSQL's own archive form. */
export async function* dump(address: DatabaseAddress): AsyncGenerator<Buffer> {
  const args = [
    '--format=custom',
    '--no-owner',
    '--no-privileges',
    ...NOT_KEPT.map((it) => `--exclude-table-data=${it}`),
  ];
  const child = start('pg_dump', args, address);
  const ended = endOf('pg_dump', child);
  ended.catch(() => {}); // told below, after what it wrote
  if (child.stdout !== null) for await (const chunk of child.stdout) yield chunk as Buffer;
  await ended;
}

/** Fills an empty database from an archive: all of it or nothing. */
export const fill = (address: DatabaseAddress, archive: AsyncIterable<Buffer>): Promise<void> =>
  feed(['--no-owner', '--no-privileges', '--exit-on-error', '--single-transaction', '--dbname='], address, archive);

/** Whether an archive can be read from its beginning to its end. */
export const readThrough = (archive: AsyncIterable<Buffer>): Promise<void> =>
  feed(['--file=/dev/null', '--no-owner'], undefined, archive);

async function feed(
  args: readonly string[],
  address: DatabaseAddress | undefined,
  archive: AsyncIterable<Buffer>,
): Promise<void> {
  const child = start('pg_restore', args, address);
  const ended = endOf('pg_restore', child);
  ended.catch(() => {}); // told below
  const fed = await pipeline(Readable.from(archive), child.stdin as Writable).catch((error: unknown) => error);
  if (fed instanceof PlanetLabError) child.kill(); // the backup itself is bad: nothing of it stays
  const outcome = await ended.catch((error: unknown) => error);
  if (fed instanceof PlanetLabError) throw fed;
  if (outcome !== undefined) throw outcome;
  if (fed !== undefined) throw fed; // it was content before the end, which is to be checked too
}

function start(program: Program, args: readonly string[], address: DatabaseAddress | undefined): ChildProcess {
  return spawn(find(program), args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...(address && variablesOf(address)) },
  });
}

async function endOf(program: Program, child: ChildProcess): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-COMPLAINT_CHARACTERS);
  });
  if (program === 'pg_restore') child.stdout?.resume();
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  throw new PlanetLabError('internal', `${program} failed: ${complaint.trim() || `it ended with ${code}`}`);
}

/** Where the server is, by environment: everybody on the machine can read arguments. */
export function variablesOf(address: DatabaseAddress): Record<string, string> {
  if ('socketFolder' in address) {
    const { socketFolder } = address;
    return {
      PGHOST: socketFolder,
      PGPORT: String(PRIVATE_PORT),
      PGUSER: PRIVATE_ROLE,
      PGDATABASE: PRIVATE_DATABASE,
    };
  }
  const url = new URL(address.url);
  const text = (value: string): string => decodeURIComponent(value);
  const found: Record<string, string> = {
    PGHOST: text(url.searchParams.get('host') ?? url.hostname.replace(/^\[|\]$/g, '')),
    PGPORT: url.searchParams.get('port') ?? url.port,
    PGUSER: text(url.username),
    PGPASSWORD: text(url.password),
    PGDATABASE: text(url.pathname.slice(1)),
  };
  for (const name of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey'])
    found[`PG${name.toUpperCase()}`] = url.searchParams.get(name) ?? '';
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== ''));
}

/** The newest that is installed: an older one does not read a newer server. */
function find(program: Program): string {
  const versions = existsSync(DISTRIBUTION_FOLDER) ? readdirSync(DISTRIBUTION_FOLDER) : [];
  const newest = versions.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...newest.map((version) => join(DISTRIBUTION_FOLDER, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  const found = folders.map((folder) => join(folder, program)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new PlanetLabError('feature_missing', `${program} is not installed. Install the package postgresql-client.`);
}
