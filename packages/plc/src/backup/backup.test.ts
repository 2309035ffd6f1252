import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { isPlanetLabError } from '@planetlab/model';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgePlc, startPlc } from '../index.ts';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { backupPlc, openBackup } from './backup.ts';
import { readPassphrase, readPrivateKey, readRecipient } from './backup-key.ts';
import { variablesOf } from './postgres-programs.ts';
import { restorePlc } from './restore.ts';
import { CHUNK_BYTES, seal, unseal } from './sealed-stream.ts';

const SEALED_CHUNK_BYTES = CHUNK_BYTES + 16;
const passphrase = { passphrase: 'correct horse battery staple' };
const key = Buffer.alloc(32, 7);

async function* pieces(data: Buffer, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += bytes) yield data.subarray(at, at + bytes);
}
async function gather(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of source) all.push(chunk);
  return Buffer.concat(all);
}
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (isPlanetLabError(error) ? error.code : String(error)),
  );

describe('a sealed stream', () => {
  it('opens to what it was, however it was cut into pieces', async () => {
    const size = fc.constantFrom(0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES);
    await fc.assert(
      fc.asyncProperty(size, fc.integer({ min: 1000, max: 200_000 }), async (bytes, piece) => {
        const plain = Buffer.alloc(bytes, 'some text ');
        const sealed = await gather(seal(key, pieces(plain, piece)));
        expect((await gather(unseal(key, pieces(sealed, piece + 7)))).equals(plain)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('does not open when anything was changed, left out, moved or cut off, nor with another key', async () => {
    const sealed = await gather(seal(key, pieces(Buffer.alloc(3 * CHUNK_BYTES + 5, 1), 50_000)));
    const chunk = (index: number) => sealed.subarray(index * SEALED_CHUNK_BYTES, (index + 1) * SEALED_CHUNK_BYTES);
    const changed = Buffer.from(sealed);
    changed[SEALED_CHUNK_BYTES + 9] = (changed[SEALED_CHUNK_BYTES + 9] ?? 0) ^ 1;
    const bad = [
      changed,
      Buffer.concat([chunk(1), chunk(0), chunk(2), chunk(3)]),
      Buffer.concat([chunk(0), chunk(2), chunk(3)]),
      sealed.subarray(0, 3 * SEALED_CHUNK_BYTES),
      sealed.subarray(0, sealed.length - 1),
      sealed.subarray(0, 0),
      Buffer.concat([sealed, sealed.subarray(0, 100)]),
    ];
    for (const each of bad) expect(await codeOf(gather(unseal(key, pieces(each, 60_000))))).toBe('malformed_request');
    expect(await codeOf(gather(unseal(Buffer.alloc(32), pieces(sealed, 60_000))))).toBe('malformed_request');
  });
});

describe('a backup', () => {
  let folder: string;
  let test: TestPlc;
  let node: FakeNode;
  let file: string;
  const inFolder = (name: string) => joinPath(folder, name);

  beforeAll(async () => {
    folder = mkdtempSync(joinPath(tmpdir(), 'plc-backup-'));
    execFileSync('chmod', ['711', folder]);
    test = await startTestPlc();
    await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
    node = new FakeNode(await join(await test.invite('n1')));
    await node.connect();
    await test.admin.createSlice({ body: { name: 'demo_a', description: 'kept' } });
    await test.admin.addSlivers({ params: { slice: 'demo_a' }, body: { nodes: ['n1'] } });
    await eventually(
      () => sliverOf(test.admin, 'demo_a', 'n1'),
      (it) => it?.state === 'running',
      30_000,
    );
    file = inFolder('plc.backup');
    const made = await backupPlc({ state: test.state, to: file, sealWith: passphrase });
    expect(made.authority).toBe('planetlab');
  });
  afterAll(async () => {
    await node[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  it('is made beside a PLC that runs, for its maker’s eyes only, and shows nothing of what is in it', async () => {
    expect(await test.admin.ready({})).toEqual({ status: 'ready' });
    const bytes = readFileSync(file);
    for (const text of ['demo_a', 'PRIVATE KEY', 'admin@planetlab.internal']) expect(bytes.includes(text)).toBe(false);
    expect(execFileSync('stat', ['-c', '%a', file], { encoding: 'utf8' }).trim()).toBe('600');
    expect(await codeOf(backupPlc({ state: test.state, to: file, sealWith: passphrase }))).toBe('already_exists');
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('makes the authority again on an empty machine: people sign in, nodes reconnect and keep their slivers', async () => {
    const state = inFolder('restored');
    await restorePlc({ state, from: file, openWith: passphrase });
    const nodeListen = test.plc.nodeAddress;
    const leases = [...node.leases.values()].map(({ id }) => id);
    await test.plc[Symbol.asyncDispose](); // the machine that is lost
    const plc = await startPlc({ state, listen: '127.0.0.1:0', nodeListen, log: pino({ level: 'silent' }) });
    await node.connect();
    const admin = test.withToken(test.adminToken, plc.publicUrl);
    expect((await admin.getSlice({ params: { slice: 'demo_a' } })).description).toBe('kept');
    await eventually(
      () => admin.getNode({ params: { node: 'n1' } }),
      (it) => it.state === 'connected',
      30_000,
    );
    await admin.createSlice({ body: { name: 'demo_b' } });
    await admin.addSlivers({ params: { slice: 'demo_b' }, body: { nodes: ['n1'] } });
    for (const slice of ['demo_a', 'demo_b'])
      await eventually(
        () => sliverOf(admin, slice, 'n1'),
        (it) => it?.state === 'running',
        30_000,
      );
    expect([...node.leases.values()].map(({ id }) => id)).toEqual(expect.arrayContaining(leases));
    await plc[Symbol.asyncDispose]();
    await purgePlc(state);
    await test.restart();
  });

  it('is not restored over anything, and leaves nothing when it cannot be opened', async () => {
    const from = (openWith: typeof passphrase, source = file, state = inFolder('nowhere')) =>
      codeOf(restorePlc({ state, from: source, openWith }));
    const before = await test.admin.listSlices({ query: {} });
    expect(await from(passphrase, file, test.state)).toBe('already_exists');
    expect(await test.admin.listSlices({ query: {} })).toEqual(before);
    expect(await from({ passphrase: 'not the one it was made with' })).toBe('malformed_request');
    const cut = inFolder('cut.backup');
    writeFileSync(cut, readFileSync(file));
    truncateSync(cut, readFileSync(file).length - 20);
    expect(await from(passphrase, cut)).toBe('malformed_request');
    writeFileSync(cut, 'something else');
    expect(await from(passphrase, cut)).toBe('malformed_request');
    expect(existsSync(inFolder('nowhere'))).toBe(false);
    expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([]);
  });

  it('can be made for a key whose private half is elsewhere', async () => {
    const [own, pub, sealed] = ['backup.key', 'backup.pub', 'recipient.backup'].map(inFolder) as [
      string,
      string,
      string,
    ];
    execFileSync('openssl', ['genpkey', '-algorithm', 'X25519', '-out', own]);
    execFileSync('openssl', ['pkey', '-in', own, '-pubout', '-out', pub]);
    await backupPlc({ state: test.state, to: sealed, sealWith: readRecipient(pub) });
    const { manifest } = await openBackup(sealed, readPrivateKey(own));
    expect(manifest.files['authority.name']).toBe('planetlab\n');
    await expect(openBackup(sealed, passphrase)).rejects.toThrow(/Give the private one with --key-file/);
    await expect(openBackup(file, readPrivateKey(own))).rejects.toThrow(/Give it with --passphrase-file/);
    expect(() => readPrivateKey(pub)).toThrow(/not an X25519 key/);
  });

  it('wants a passphrase that withstands guessing', () => {
    writeFileSync(inFolder('short'), 'secret\n');
    expect(() => readPassphrase(inFolder('short'))).toThrow(/shorter than 12 characters/);
    writeFileSync(inFolder('good'), 'twelve letters and more \n');
    expect(readPassphrase(inFolder('good'))).toEqual({ passphrase: 'twelve letters and more' });
  });
});

it('tells PostgreSQL’s programs where the database is by environment, as the URL says it', () => {
  expect(variablesOf({ url: 'postgresql://plc:p%40ss@db.example.org:5433/planetlab?sslmode=verify-full' })).toEqual({
    PGHOST: 'db.example.org',
    PGPORT: '5433',
    PGUSER: 'plc',
    PGPASSWORD: 'p@ss',
    PGDATABASE: 'planetlab',
    PGSSLMODE: 'verify-full',
  });
  expect(variablesOf({ url: 'postgresql:///planetlab?host=%2Frun%2Fpostgresql' })).toEqual({
    PGHOST: '/run/postgresql',
    PGDATABASE: 'planetlab',
  });
});
