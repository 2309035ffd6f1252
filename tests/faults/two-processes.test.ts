import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createClient,
  fetchTransport,
  fillPath,
  type Client as PlcClient,
  plcRoutes,
  withHeaders,
} from '@planetlab/contract';
import { http1DuplexOpener, openExec } from '@planetlab/contract/http2';
import { isPlanetLabError } from '@planetlab/model';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, NODE_MANAGER, PLC, Programs } from '../end-to-end/plc-and-node.ts';
import { type OwnPostgres, startOwnPostgres } from './own-postgres.ts';

const NODES = ['n1', 'n2', 'n3', 'n4'];
const LONG = { timeout: 60_000, interval: 100 };

interface Process {
  readonly child: ChildProcess;
  readonly url: string;
  readonly client: PlcClient<typeof plcRoutes>;
}

describe('two PLC processes on one PostgreSQL', () => {
  const programs = new Programs();
  const managers = new Map<string, ChildProcess>();
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-two-'));
  const ports = { first: 0, second: 0 };
  let postgres: OwnPostgres;
  let token = '';
  let first: Process;
  let second: Process;

  const start = async (name: 'first' | 'second'): Promise<Process> => {
    const before = programs.written.length;
    const child = programs.start(
      PLC,
      [
        ...['run', '--state', join(folder, name), '--keys', join(folder, 'keys'), '--listen', '127.0.0.1:0'],
        ...['--node-listen', `127.0.0.1:${ports[name]}`],
        ...['--node-address', `127.0.0.1:${ports.first},127.0.0.1:${ports.second}`],
      ],
      { DATABASE_URL: postgres.url },
    );
    const url = await programs.until(child, /^Ready: people at (\S+),/m, before);
    if (token === '') token = readFileSync(join(folder, name, 'bootstrap-admin.token'), 'utf8').trim();
    const client = createClient(
      plcRoutes,
      withHeaders(fetchTransport(url), () => ({ authorization: `Bearer ${token}` })),
    );
    return { child, url, client };
  };

  /** A machine with simulated slivers, whose node manager is the real one. */
  const startNode = async (name: string): Promise<void> => {
    const state = join(folder, name);
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(join(state, 'config.json'), JSON.stringify({ vmm: 'simulated', imagesDir: join(folder, 'images') }));
    await first.client.createNode({ body: { name, site: 'demo' } });
    const invitation = await first.client.inviteNode({ params: { node: name }, body: {} });
    const joined = await programs.toTheEnd(NODE_MANAGER, ['join', '-', '--state', state], invitation.token);
    expect(joined.code, joined.said).toBe(0);
    managers.set(name, programs.start(NODE_MANAGER, ['run', '--state', state]));
  };

  const statesAt = async ({ client }: Process, slice: string) =>
    Object.fromEntries((await client.listSlivers({ query: { slice } })).items.map(({ node, state }) => [node, state]));
  const nodesAt = async ({ client }: Process) =>
    (await client.listNodes({ query: {} })).items.map(({ state }) => state);
  const exec = async ({ url }: Process, slice: string, node: string) => {
    const opener = http1DuplexOpener(url, { authorization: `Bearer ${token}` });
    const session = await openExec(opener, fillPath(plcRoutes.exec.path, { slice, node }), { argv: ['hostname'] });
    session.stdin.end();
    const [said, { code }] = await Promise.all([text(session.stdout), session.exit]);
    return { said: said.trim(), code };
  };
  /** A caller that comes before a node has dialled again is told to try again: that is an answer, too. */
  const codeOf = async (node: string) => {
    try {
      return (await exec(second, 'demo_wide', node)).code;
    } catch (error) {
      return isPlanetLabError(error, 'node_unreachable') ? error.code : Promise.reject(error);
    }
  };
  const running = Object.fromEntries(NODES.map((node) => [node, 'running']));

  beforeAll(async () => {
    chmodSync(folder, 0o711); // the database's account passes through
    mkdirSync(join(folder, 'keys'));
    ports.first = await freePort();
    ports.second = await freePort();
    postgres = await startOwnPostgres(join(folder, 'postgres'));
    first = await start('first');
    await first.client.createSite({ body: { name: 'demo', title: 'Demo' } });
    for (const name of NODES) await startNode(name); // all at the first, for there is no other yet
    while ((await nodesAt(first)).some((state) => state !== 'connected')) await sleep(100); // the hook has a deadline
    second = await start('second');
  }, 180_000);
  afterAll(async () => {
    for (const manager of managers.values()) manager.kill('SIGCONT');
    await programs.stop();
    await postgres?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('finish a deployment when the one that holds the nodes is killed in the middle of it', async () => {
    await second.client.createSlice({ body: { name: 'demo_wide' } });
    managers.get('n4')?.kill('SIGSTOP'); // so that there is a middle: three nodes run theirs, the fourth does not answer
    const { operation } = await second.client.addSlivers({ params: { slice: 'demo_wide' }, body: { nodes: NODES } });
    await expect
      .poll(() => statesAt(second, 'demo_wide'), LONG)
      .toMatchObject({ n1: 'running', n2: 'running', n3: 'running' });
    expect((await statesAt(second, 'demo_wide'))['n4']).not.toBe('running');
    expect(await codeOf('n1'), 'through the first, which holds the node').toBe(0);
    first.child.kill('SIGKILL');
    managers.get('n4')?.kill('SIGCONT');
    await expect.poll(() => statesAt(second, 'demo_wide'), LONG).toEqual(running);
    const ended = async () => (await second.client.getOperation({ params: { operation: operation.id } })).state;
    await expect.poll(ended, LONG).toBe('succeeded');
    for (const node of NODES) await expect.poll(() => codeOf(node), LONG).toBe(0);
  });

  it('take the place of one another, one at a time, with nothing lost', async () => {
    first = await start('first');
    const acknowledged: string[] = [];
    let stopping = false;
    const changing = (async () => {
      for (let i = 0; !stopping; i++) {
        await first.client.createSite({ body: { name: `site${i}`, title: 'A site' } });
        acknowledged.push(`site${i}`);
      }
    })();
    const gone = new Promise((resolve) => second.child.once('exit', resolve));
    second.child.kill('SIGTERM');
    expect(await gone).toBe(0);
    await expect.poll(() => nodesAt(first), LONG).toEqual(NODES.map(() => 'connected'));
    stopping = true;
    await changing;
    await first.client.createSlice({ body: { name: 'demo_after' } });
    await first.client.addSlivers({ params: { slice: 'demo_after' }, body: { nodes: NODES } });
    await expect.poll(() => statesAt(first, 'demo_after'), LONG).toEqual(running);
    expect(await statesAt(first, 'demo_wide')).toEqual(running);
    const { items } = await first.client.listSites({ query: { limit: 1000 } });
    const names = new Set<string>(items.map(({ name }) => name));
    expect(acknowledged.filter((name) => !names.has(name))).toEqual([]);
  });

  it('finish a decision over many nodes when the one that decided is killed in the middle of it', async () => {
    second = await start('second');
    const decision = { action: 'node.drain' as const, reason: 'A new kernel', nodes: { anyState: true } };
    const { digest } = await second.client.previewDecision({ body: decision });
    const held = new Client({ connectionString: postgres.url });
    await held.connect();
    await held.query("begin; select from nodes where name = 'n3' for update"); // so that there is a middle
    const cutOff = expect(second.client.applyDecision({ body: { ...decision, digest } })).rejects.toThrow();
    const drained = async () =>
      (await first.client.listNodes({ query: {} })).items.filter(({ drain }) => drain !== null).map(({ name }) => name);
    await expect.poll(drained, LONG).toEqual(['n1', 'n2', 'n4']);
    second.child.kill('SIGKILL');
    await cutOff;
    const operationOf = async () => (await first.client.listOperations({ query: { limit: 1 } })).items[0];
    expect(await operationOf()).toMatchObject({ kind: 'node.drain', state: 'running' });
    await held.end();
    await expect.poll(operationOf, LONG).toMatchObject({ state: 'succeeded', counts: { done: 4 } });
    expect(await drained()).toEqual(NODES);
    for (const node of NODES) {
      const { items } = await first.client.listEvents({ query: { subject: node } });
      expect(items.filter(({ kind }) => kind === 'node.drain-begun')).toHaveLength(1);
    }
  });
});
