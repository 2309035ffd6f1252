import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join as joinPath } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { fillPath, plcRoutes } from '@planetlab/contract';
import { http1DuplexOpener, openExec } from '@planetlab/contract/http2';
import type { ExecBackend } from '@planetlab/contract/server';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadAuthority } from '../authority/authority.ts';
import { startPlc } from '../index.ts';
import { oneAtATime } from '../store/one-at-a-time.ts';
import { openStore } from '../store/open-store.ts';
import type { Db } from '../store/schema.ts';
import { FakeNode } from '../testing/fake-node.ts';
import { type JoinedNode, join } from '../testing/join.ts';
import { eventually, sliverOf } from '../testing/test-plc.ts';
import {
  adminTokenOf,
  startTestDatabase,
  startTestProcess,
  type TestDatabase,
  type TestProcess,
} from '../testing/test-processes.ts';
import { PROCESS_PROTOCOL } from './peers.ts';

const storeOptions = { log: pino({ level: 'silent' }), progress: () => {} };

let database: TestDatabase;
let first: TestProcess;
let second: TestProcess;
let token: string;
let joined: JoinedNode;
let node: FakeNode;

beforeAll(async () => {
  database = await startTestDatabase();
  first = await startTestProcess(database.options('first'));
  second = await startTestProcess(database.options('second'));
  token = adminTokenOf(first);
  const admin = first.client(token);
  await admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await admin.createNode({ body: { name: 'n1', site: 'demo' } });
  joined = await join((await admin.inviteNode({ params: { node: 'n1' }, body: {} })).token);
  node = new FakeNode(joined);
  await node.connect(); // to the first, which its token names
  await admin.createSlice({ body: { name: 'demo_a' } });
  await admin.addSlivers({ params: { slice: 'demo_a' }, body: { nodes: ['n1'] } });
  await running();
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const running = () =>
  eventually(
    () => sliverOf(second.client(token), 'demo_a', 'n1'),
    (it) => it?.state === 'running',
    30_000,
  );

const execAt = (process: TestProcess) =>
  openExec(
    http1DuplexOpener(process.plc.publicUrl, { authorization: `Bearer ${token}` }),
    fillPath(plcRoutes.exec.path, { slice: 'demo_a', node: 'n1' }),
    { argv: ['cat'] },
  );

/** A program that says back what it hears. */
function cat(): ExecBackend & { readonly killed: Promise<void> } {
  const stdin = new PassThrough();
  const stderr = new PassThrough();
  const { promise: exit, resolve } = Promise.withResolvers<{ code: number }>();
  const { promise: killed, resolve: kill } = Promise.withResolvers<void>();
  stdin.once('end', () => {
    stderr.end();
    resolve({ code: 0 });
  });
  const end = () => {
    kill();
    stdin.destroy();
    stderr.end();
    resolve({ code: 137 });
  };
  return { stdin, stdout: stdin, stderr, exit, killed, resize: () => {}, kill: end };
}

it('passes a program’s bytes both ways through the process that holds the node', async () => {
  node.execBackend = async () => cat();
  const session = await execAt(second);
  const sent = randomBytes(3 * 1024 * 1024);
  session.stdin.end(sent);
  expect((await buffer(session.stdout)).equals(sent)).toBe(true);
  expect(await session.exit).toEqual({ code: 0 });
  expect(node.requests).toContain('POST /v1/slivers/demo_a/exec by person:admin@planetlab.internal');
});

it('ends the program when a caller at another process goes away', async () => {
  const program = cat();
  node.execBackend = async () => program;
  const session = await execAt(second);
  session.stdin.write('hello');
  session.close();
  await program.killed;
});

it('passes on the node’s own refusal, and says that a node which is nowhere cannot be reached', async () => {
  node.execBackend = undefined;
  await expect(execAt(second)).rejects.toMatchObject({
    code: 'sliver_not_running',
    message: 'demo_a is not running here.',
  });
  await expect(second.client(token).getUsage({ params: { slice: 'demo_a', node: 'n1' } })).rejects.toMatchObject({
    code: 'no_such_route', // the node for tests has no usage: it was asked, and that is its answer
  });
});

it('lets nobody in as a process who is none: not a node, nor who shows no certificate', async () => {
  const nodesOwn = { cert: joined.reply.certificate, key: joined.key.exportPem() };
  for (const credentials of [nodesOwn, {}]) {
    const socket = connectTls({
      host: joined.host,
      port: joined.port,
      ca: joined.reply.ca,
      ALPNProtocols: [PROCESS_PROTOCOL],
      ...credentials,
    });
    const session = connectHttp2('http://node', { createConnection: () => socket });
    session.on('error', () => {});
    const closed = new Promise<void>((resolve) => session.once('close', () => resolve()));
    const request = session.request({ ':path': '/v1/node', 'planetlab-node': joined.reply.nodeId });
    let answered = false;
    request.once('response', () => {
      answered = true;
    });
    request.on('error', () => {});
    await closed;
    expect(answered).toBe(false);
  }
});

it('follows a node that moves to another process, whose broker goes on with it', async () => {
  const [host = '', port = ''] = second.plc.nodeAddress.split(':');
  const moved = node.at(host, Number(port));
  await moved.connect();
  node.execBackend = async () => cat();
  moved.execBackend = async () => cat();
  // The first process still has the old connection; that it is old it learns by its next heartbeat.
  const session = await eventually(
    async () => execAt(first).catch(() => undefined),
    (it) => it !== undefined,
    30_000,
  );
  session?.stdin.end('moved');
  if (session !== undefined) expect(await buffer(session.stdout)).toEqual(Buffer.from('moved'));
  await node.closed();
  const admin = first.client(token);
  await admin.createSlice({ body: { name: 'demo_b' } });
  await admin.addSlivers({ params: { slice: 'demo_b' }, body: { nodes: ['n1'] } });
  await eventually(
    () => sliverOf(admin, 'demo_b', 'n1'),
    (it) => it?.state === 'running',
    30_000,
  );
  await moved[Symbol.asyncDispose]();
  await node.connect();
  await eventually(
    () => admin.getNode({ params: { node: 'n1' } }),
    (it) => it.state === 'connected',
    30_000,
  );
});

it('lets what is under way end when it stops, be it its own or passed on for another', async () => {
  const third = await startTestProcess(database.options('third'));
  const [host = '', port = ''] = third.plc.nodeAddress.split(':');
  const there = node.at(host, Number(port));
  await there.connect();
  node.execBackend = async () => cat();
  there.execBackend = async () => cat();
  await node.closed(); // the first has heard that its connection is old
  const passedOn = await execAt(second);
  const own = await execAt(third);
  const ready = await fetch(`${third.plc.publicUrl}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
  const stopped = third[Symbol.asyncDispose]();
  await eventually(
    () =>
      fetch(`${third.plc.publicUrl}/readyz`, { headers: { connection: 'close' } }).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status !== 200,
    30_000,
  );
  for (const session of [own, passedOn]) {
    session.stdin.end('to the end');
    expect(await buffer(session.stdout)).toEqual(Buffer.from('to the end'));
    expect(await session.exit).toEqual({ code: 0 });
  }
  await stopped;
  await there.closed();
  await there[Symbol.asyncDispose]();
});

it('keeps house in one process at a time', async () => {
  const open = await Promise.all(
    [0, 1].map(() => openStore({ ...storeOptions, databaseUrl: database.url, state: database.folder })),
  );
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const [one, other] = open;
  if (one === undefined || other === undefined) throw new Error('two were opened');
  // Waits for the turn of the processes that run here as well.
  const turn = (db: Db, work: () => Promise<void>) =>
    eventually(
      () => oneAtATime(db, 'housekeeping', work),
      (done) => done,
      30_000,
    );
  const begun = Promise.withResolvers<void>();
  const first = turn(one.db, async () => {
    begun.resolve();
    await ended;
  });
  await begun.promise;
  expect(await oneAtATime(other.db, 'housekeeping', async () => {})).toBe(false);
  end();
  await first;
  await turn(other.db, async () => {});
  for (const store of open) await store[Symbol.asyncDispose]();
});

it('refuses a process that has none of the authority’s keys, or those of another', async () => {
  const other = joinPath(database.folder, 'other-keys');
  mkdirSync(other);
  await expect(startPlc(database.options('third', { keys: other }))).rejects.toMatchObject({
    code: 'conflict',
    message: expect.stringContaining('authority.key, authority.pem, broker.key, authority.name missing'),
  });
  await loadAuthority({ folder: other, mayMake: true, defaultName: 'other' }, Date.now());
  await expect(startPlc(database.options('fourth', { keys: other }))).rejects.toMatchObject({
    code: 'credential_invalid',
    message: expect.stringContaining('This database belongs to the authority planetlab'),
  });
});
