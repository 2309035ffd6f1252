import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { freePort, NODE_MANAGER, PLC, Programs } from '../end-to-end/plc-and-node.ts';
import { startOwnPostgres } from '../faults/own-postgres.ts';
import { checkOut } from './old-version.ts';

export interface UpgradeOutcome {
  /** Of the version before. */
  readonly commit: string;
  /** How the operation ended that the old version began and ended on the new schema. */
  readonly onNewSchema: string;
  /** How the one ended that the old version began and the new one had to finish. */
  readonly handedOver: string;
  /** States of the slivers of both, as the new version shows them. */
  readonly slivers: readonly string[];
}

type PlcClient = Client<typeof plcRoutes>;
const NODES = ['n1', 'n2'];
const WAIT_MS = 120_000;

/** One PLC process of the version before, and then one of this version beside it, on one database; the old one leaves. */
export async function soakUpgrade(commit: string): Promise<UpgradeOutcome> {
  await using world = await openWorld(commit);
  const old = await world.startPlc('old');
  await old.client.createSite({ body: { name: 'demo', title: 'Demo' } });
  for (const name of NODES) await world.startNode(old.client, name);
  const young = await world.startPlc('new'); // brings the schema up to date under the old one
  const onNewSchema = await ended(old.client, await begin(old.client, 'demo_old', ['n1']));
  world.managers.get('n2')?.kill('SIGSTOP'); // so that it is not done before the old one leaves
  const begun = await begin(old.client, 'demo_both', NODES);
  old.child.kill('SIGTERM');
  world.managers.get('n2')?.kill('SIGCONT');
  const handedOver = await ended(young.client, begun);
  const { items } = await young.client.listSlivers({ query: {} });
  return { commit, onNewSchema, handedOver, slivers: items.map(({ state }) => state) };
}

/** Puts a new slice on nodes; gives the operation. */
async function begin(client: PlcClient, slice: string, nodes: readonly string[]): Promise<string> {
  await client.createSlice({ body: { name: slice } });
  return (await client.addSlivers({ params: { slice }, body: { nodes: [...nodes] } })).operation.id;
}

async function ended(client: PlcClient, operation: string): Promise<string> {
  return eventually(`the end of the operation ${operation}`, async () => {
    const { state } = await client.getOperation({ params: { operation } });
    return state === 'running' ? undefined : state;
  });
}

async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = performance.now() + WAIT_MS; performance.now() < deadline; await sleep(100)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
  }
  throw new Error(`${what} did not come in ${WAIT_MS / 1000} s`);
}

/** A PostgreSQL, sources of both versions, and ports at which nodes look for either. */
async function openWorld(commit: string) {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-upgrade-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o711); // the database's account passes through
  mkdirSync(join(folder, 'keys'));
  checkOut(commit, join(folder, 'sources'));
  const mains = { old: join(folder, 'sources/apps/plc/main.ts'), new: PLC };
  const ports = { old: await freePort(), new: await freePort() };
  const postgres = stack.use(await startOwnPostgres(join(folder, 'postgres')));
  const programs = new Programs();
  const managers = new Map<string, ChildProcess>();
  stack.defer(async () => {
    for (const manager of managers.values()) manager.kill('SIGCONT');
    await programs.stop();
  });
  let token = '';
  const startPlc = async (version: 'old' | 'new') => {
    const before = programs.written.length;
    const child = programs.start(
      mains[version],
      [
        ...['run', '--state', join(folder, version), '--keys', join(folder, 'keys'), '--listen', '127.0.0.1:0'],
        ...['--node-listen', `127.0.0.1:${ports[version]}`],
        ...['--node-address', `127.0.0.1:${ports.old},127.0.0.1:${ports.new}`],
      ],
      { DATABASE_URL: postgres.url },
    );
    const url = await programs.until(child, /^Ready: people at (\S+),/m, before);
    if (token === '') token = readFileSync(join(folder, version, 'bootstrap-admin.token'), 'utf8').trim();
    const authorization = `Bearer ${token}`;
    return {
      child,
      client: createClient(
        plcRoutes,
        withHeaders(fetchTransport(url), () => ({ authorization })),
      ),
    };
  };
  const startNode = async (client: PlcClient, name: string) => {
    const state = join(folder, name);
    mkdirSync(state, { mode: 0o700 });
    writeFileSync(join(state, 'config.json'), JSON.stringify({ vmm: 'simulated', imagesDir: join(folder, 'images') }));
    await client.createNode({ body: { name, site: 'demo' } });
    const { token: invitation } = await client.inviteNode({ params: { node: name }, body: {} });
    const { code, said } = await programs.toTheEnd(NODE_MANAGER, ['join', '-', '--state', state], invitation);
    if (code !== 0) throw new Error(`the node ${name} did not join:\n${said}`);
    managers.set(name, programs.start(NODE_MANAGER, ['run', '--state', state]));
    await eventually(`the node ${name}`, async () => {
      const { state: is, facts } = await client.getNode({ params: { node: name } });
      return is === 'connected' && facts !== null ? true : undefined;
    });
  };
  const owned = stack.move();
  return { startPlc, startNode, managers, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
