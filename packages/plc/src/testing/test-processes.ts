import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { pino } from 'pino';
import { vi } from 'vitest';
import { type Plc, purgePlc, startPlc } from '../index.ts';
import type { PlcOptions } from '../options.ts';
import { openDatabase, PRIVATE_PORT, PRIVATE_ROLE } from '../store/database.ts';
import { startPrivateServer } from '../store/private-server.ts';
import type { Db } from '../store/schema.ts';
import type { PlcClient } from './test-plc.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** One PostgreSQL server for as many PLC processes as a test wants, each with a state folder of its own. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  /** For keys that processes share. */
  readonly folder: string;
  /** Options of one more process with the shared keys. */
  options(name: string, changes?: Partial<PlcOptions>): PlcOptions;
}

export async function startTestDatabase(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'plc-processes-'));
  mkdirSync(join(folder, 'keys'));
  const server = await startPrivateServer(folder);
  const host = encodeURIComponent(server.socketFolder);
  const url = `postgresql://${PRIVATE_ROLE}@localhost:${PRIVATE_PORT}/postgres?host=${host}`;
  return {
    url,
    folder,
    options: (name, changes = {}) => ({
      state: join(folder, name),
      keys: join(folder, 'keys'),
      listen: '127.0.0.1:0',
      nodeListen: '127.0.0.1:0',
      databaseUrl: url,
      log: pino({ level: process.env['PLC_TEST_LOG'] ?? 'silent' }, pino.destination(2)),
      ...changes,
    }),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await purgePlc(folder);
    },
  };
}

/** A database with nothing in it and no PLC, for what works on it directly. */
export async function openTestDatabase(): Promise<{ readonly url: string; readonly db: Db } & AsyncDisposable> {
  const server = await startTestDatabase();
  const db = openDatabase({ url: server.url }, () => {});
  return {
    url: server.url,
    db,
    async [Symbol.asyncDispose]() {
      await db.destroy();
      await server[Symbol.asyncDispose]();
    },
  };
}

export interface TestProcess extends AsyncDisposable {
  readonly plc: Plc;
  /** Its admin; the first process of a database made the token. */
  client(token: string): PlcClient;
}

export async function startTestProcess(options: PlcOptions): Promise<TestProcess> {
  const plc = await startPlc(options);
  return {
    plc,
    client: (token) =>
      createClient(
        plcRoutes,
        withHeaders(fetchTransport(plc.publicUrl), () => ({ authorization: `Bearer ${token}` })),
      ),
    [Symbol.asyncDispose]: () => plc[Symbol.asyncDispose](),
  };
}

export const adminTokenOf = ({ plc }: TestProcess): string => readFileSync(plc.adminTokenFile, 'utf8').trim();
