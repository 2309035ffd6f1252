import { createHash, randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fillPath, plcRoutes } from '@planetlab/contract';
import { http1DuplexOpener, openExec } from '@planetlab/contract/http2';
import type { ExecBackend } from '@planetlab/contract/server';
import { isPlanetLabError } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, sliverOf, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let node: FakeNode;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  node = new FakeNode(await join(await test.invite('n1')));
  await node.connect();
  await test.admin.createSlice({ body: { name: 'demo_a' } });
  await test.admin.addSlivers({ params: { slice: 'demo_a' }, body: { nodes: ['n1'] } });
  await eventually(
    () => sliverOf(test.admin, 'demo_a', 'n1'),
    (it) => it?.state === 'running',
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const run = (token: string, slice = 'demo_a', on = 'n1') =>
  openExec(
    http1DuplexOpener(test.plc.publicUrl, { authorization: `Bearer ${token}` }),
    fillPath(plcRoutes.exec.path, { slice, node: on }),
    { argv: ['cat'] },
  );

/** A program that says back what it hears. */
function cat(): ExecBackend & { readonly killed: Promise<void> } {
  const pipe = new PassThrough();
  const stderr = new PassThrough();
  const { promise: exit, resolve } = Promise.withResolvers<{ code: number; signal?: string }>();
  const { promise: killed, resolve: kill } = Promise.withResolvers<void>();
  pipe.once('end', () => {
    stderr.end();
    resolve({ code: 0 });
  });
  return {
    stdin: pipe,
    stdout: pipe,
    stderr,
    exit,
    killed,
    resize: () => {},
    kill: () => {
      kill();
      pipe.destroy();
      stderr.end();
      resolve({ code: 137, signal: 'SIGKILL' });
    },
  };
}

const refusal = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPlanetLabError(error)) throw new Error(`expected a refusal, got ${error}`);
  return error;
};

it('carries a megabyte both ways, in the name of the person', async () => {
  node.execBackend = async () => cat();
  const session = await run(test.adminToken);
  const sent = randomBytes(1024 * 1024);
  session.stdin.end(sent);
  const received = await buffer(session.stdout);
  expect(await session.exit).toEqual({ code: 0 });
  expect(hash(received)).toBe(hash(sent));
  expect(node.requests).toContain('POST /v1/slivers/demo_a/exec by person:admin@planetlab.internal');
});
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

it('keeps nothing of a program that has ended on the way to the node', async () => {
  node.execBackend = async () => cat();
  const session = await run(test.adminToken);
  session.stdin.end('short');
  expect(await session.exit).toEqual({ code: 0 });
  await eventually(
    async () => node.openExecs,
    (open) => open === 0,
    30_000,
  );
});

it('passes on the node’s own refusal unchanged', async () => {
  node.execBackend = undefined;
  const error = await refusal(run(test.adminToken));
  expect(error).toMatchObject({ code: 'sliver_not_running', message: 'demo_a is not running here.' });
});

it('stops the program when the caller goes away', async () => {
  const program = cat();
  node.execBackend = async () => program;
  const session = await run(test.adminToken);
  session.stdin.write('hello');
  session.close();
  await program.killed;
});

it.each([
  [
    'taken off the slice',
    async (email: string) => test.admin.removePersonFromSlice({ params: { slice: 'demo_a', person: email } }),
  ],
  [
    'disabled',
    async (email: string) => test.admin.changeEnabled({ params: { person: email }, body: { enabled: false } }),
  ],
])('stops the program when its person is %s', async (how, act) => {
  const { email, token } = await test.person(`${how.replaceAll(' ', '-')}@example.org`, [
    { role: 'user', site: 'demo' },
  ]);
  await test.admin.addPersonToSlice({ params: { slice: 'demo_a', person: email } });
  const program = cat();
  node.execBackend = async () => program;
  const session = await run(token);
  session.stdin.write('hello');
  session.stdin.on('error', () => {}); // it is cut off
  await act(email);
  await program.killed;
  expect(isPlanetLabError(await session.exit.catch((error: unknown) => error))).toBe(true);
});

it('breaks the caller’s stream when the node goes away', async () => {
  node.execBackend = async () => cat();
  const session = await run(test.adminToken);
  node.disconnect();
  expect((await refusal(session.exit)).code).toBe('node_unreachable');
  const lost = await refusal(run(test.adminToken));
  expect(lost.code).toBe('node_unreachable');
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: 'n1' } }),
    (it) => it.state === 'connected',
  );
});

it('lets nobody into a foreign slice, not even a PI of its site', async () => {
  const pi = await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  const error = await refusal(run(pi.token));
  expect(error.code).toBe('forbidden');
  expect(error.message).toContain('Only people of the slice demo_a and admins');
  expect((await refusal(run('pl_nothing'))).code).toBe('not_signed_in');
});

it('says which slice, node or sliver it does not know', async () => {
  expect((await refusal(run(test.adminToken, 'demo_none'))).code).toBe('unknown_slice');
  expect((await refusal(run(test.adminToken, 'demo_a', 'nowhere'))).code).toBe('unknown_sliver');
});
