import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { purgePlc } from '../index.ts';
import { type OpenStore, openStore } from '../store/open-store.ts';
import { openAuthority } from './open-authority.ts';

const state = mkdtempSync(join(tmpdir(), 'plc-authority-test-'));
const keys = mkdtempSync(join(tmpdir(), 'plc-authority-test-keys-'));
let database: OpenStore;

beforeAll(async () => {
  database = await openStore({ state, databaseUrl: undefined, log: pino({ level: 'silent' }), progress: () => {} });
}, 60_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await purgePlc(state);
  rmSync(keys, { recursive: true });
});

it('is made by one of the processes that start for the first time together', async () => {
  const store = { db: database.db, now: () => new Date() };
  const open = () => openAuthority(store, keys, 'example.org');
  const all = await Promise.all([open(), open(), open()]);
  const known = await database.db.selectFrom('authority').select('fingerprint').executeTakeFirstOrThrow();
  expect(all.map(({ identity }) => identity.fingerprint)).toEqual(Array(3).fill(known.fingerprint));
  expect(new Set(all.map(({ brokerKey }) => brokerKey.publicKey.thumbprint)).size).toBe(1);
});
