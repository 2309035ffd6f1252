import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from './database.ts';
import { migrate } from './migrate.ts';
import { type PrivateServer, startPrivateServer, stopLeftoverServer } from './private-server.ts';
import type { Db } from './schema.ts';

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'plc-server-test-'));
  chmodSync(state, 0o711);
});
afterEach(async () => {
  await stopLeftoverServer(state);
  rmSync(state, { recursive: true });
});

const pidOf = (folder: string) => Number(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);
const open = (server: PrivateServer): Db => openDatabase({ socketFolder: server.socketFolder }, () => {});
/** Its end is seen a moment before the first process has collected it. */
const gone = (pid: number) => expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
const newSite = { name: 'kept', title: 'Kept', created_at: new Date() };

describe('the private server', () => {
  it('starts, keeps to itself, and leaves nothing running when it is stopped', async () => {
    const server = await startPrivateServer(state);
    const pid = pidOf(state);
    expect(statSync(server.socketFolder).mode & 0o077).toBe(0);
    expect(statSync(join(state, 'postgres')).mode & 0o077).toBe(0);
    const sockets = readFileSync(`/proc/${pid}/net/tcp`, 'utf8');
    expect(sockets).not.toContain(`:${(5432).toString(16).toUpperCase()} 00000000:0000 0A`);
    await server[Symbol.asyncDispose]();
    await gone(pid);
  });

  it('takes over a server that a killed PLC left running', async () => {
    await startPrivateServer(state);
    const pid = pidOf(state);
    const second = await startPrivateServer(state);
    expect(pidOf(state)).toBe(pid);
    await second[Symbol.asyncDispose]();
    await gone(pid);
  });

  it('comes back after SIGKILL with everything that was committed', async () => {
    const server = await startPrivateServer(state);
    const before = open(server);
    await migrate(before);
    await before
      .insertInto('sites')
      .values(newSite as never)
      .execute();
    process.kill(pidOf(state), 'SIGKILL');
    await server.ensureRunning();
    const after = open(server);
    expect(await after.selectFrom('sites').select('name').execute()).toEqual([{ name: 'kept' }]);
    await before.destroy();
    await after.destroy();
    await server[Symbol.asyncDispose]();
  });

  it('uses a short path for its socket when the state folder’s is too long', async () => {
    const deep = join(state, 'x'.repeat(100));
    mkdirSync(deep, { mode: 0o711 });
    const server = await startPrivateServer(deep);
    expect(server.socketFolder.length).toBeLessThan(60);
    await server[Symbol.asyncDispose]();
    await stopLeftoverServer(deep);
    expect(existsSync(server.socketFolder)).toBe(false);
  });
});

describe('migrations', () => {
  it('bring an empty database up to date, once, also when several programs start at the same time', async () => {
    await using server = await startPrivateServer(state);
    const databases = [open(server), open(server), open(server)];
    const done = await Promise.all(databases.map(migrate));
    expect(done.flat().toSorted()).toEqual(done.flat());
    expect(done.flat()).toContain('0001-accounts-nodes-slices');
    expect(new Set(done.flat()).size).toBe(done.flat().length);
    expect(await migrate(databases[0] as Db)).toEqual([]);
    await Promise.all(databases.map((db) => db.destroy()));
  });

  it('refuse a database of a newer version', async () => {
    await using server = await startPrivateServer(state);
    const db = open(server);
    await migrate(db);
    const row = { name: '9999-from-the-future', timestamp: new Date().toISOString() };
    await db
      .insertInto('kysely_migration' as never)
      .values(row as never)
      .execute();
    await expect(migrate(db)).rejects.toThrow(/another version/);
    await db.destroy();
  });
});
