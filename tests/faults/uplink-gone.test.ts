import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { parseJoinToken } from '@planetlab/credentials';
import { inNamespace, systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_MANAGER, PLC, Programs } from '../end-to-end/plc-and-node.ts';
import {
  createTestNetwork,
  ensureImage,
  eventually,
  HOST_IPV4,
  joinedNode,
  NODE_IPV4,
  type TestNetwork,
  type TestNode,
} from '../host/node-fixture.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: cutting the uplink of a node with slivers needs root, which makes them');

const NODE = 'uplink';
const ADA = 'ada@example.org';
const SSH_PORT = 2222;
const LONG = { timeout: 90_000, interval: 100 };

// real slivers are containers, which need root
describe.skipIf(!isRoot)('a node whose uplink is gone, with no word from the network', () => {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-uplink-'));
  let client: Client<typeof plcRoutes>;
  let network: TestNetwork;
  let node: TestNode;
  let port = 0;

  const nodeState = async () => (await client.getNode({ params: { node: NODE } })).state;
  const connected = async () =>
    expect(await eventually(async () => (await nodeState()) === 'connected', LONG.timeout)).toBe(true);
  const states = async () =>
    Object.fromEntries((await client.listSlivers({ query: {} })).items.map(({ slice, state }) => [slice, state]));
  const happened = async (subject: string) =>
    (await client.listEvents({ query: { subject } })).items.map(({ kind }) => kind);
  const plNode = async (...args: string[]) =>
    (await systemRunner.run({ argv: [process.execPath, NODE_MANAGER, ...args, '--state', node.stateDir] })).stdout;
  const ssh = async (slice: string, command: string) => {
    const options = ['BatchMode=yes', 'StrictHostKeyChecking=no', `UserKnownHostsFile=${folder}/known`];
    const argv = ['ssh', '-F', 'none', '-p', String(SSH_PORT), '-i', join(folder, 'ada')] as const;
    const to = [...options.flatMap((each) => ['-o', each]), `${slice}@${NODE_IPV4}`, command];
    return (await systemRunner.run({ argv: [...argv, ...to] })).stdout.trim();
  };
  const nft = (input: string) =>
    systemRunner.run({ argv: [...inNamespace(network.namespace), 'nft', '-f', '-'], input });
  const cut = () =>
    nft(`table inet test_cut {
  chain leaving { type filter hook output priority 0; tcp dport ${port} drop; }
  chain coming { type filter hook input priority 0; tcp sport ${port} drop; }
}`);

  beforeAll(async () => {
    await ensureImage();
    await chmod(folder, 0o711); // the database's account passes through
    network = stack.use(await createTestNetwork(NODE));
    const programs = stack.adopt(new Programs(), (started) => started.stop());
    const state = join(folder, 'plc');
    const listening = ['--listen', '127.0.0.1:0', '--node-listen', `${HOST_IPV4}:0`];
    const plc = programs.start(PLC, ['run', '--state', state, ...listening]);
    const url = await programs.until(plc, /^Ready: people at (\S+),/m);
    const token = readFileSync(join(state, 'bootstrap-admin.token'), 'utf8').trim();
    client = createClient(
      plcRoutes,
      withHeaders(fetchTransport(url), () => ({ authorization: `Bearer ${token}` })),
    );
    await client.createSite({ body: { name: 'demo', title: 'Demo' } });
    await client.createNode({ body: { name: NODE, site: 'demo' } });
    const invitation = (await client.inviteNode({ params: { node: NODE }, body: {} })).token;
    port = Number(parseJoinToken(invitation).address.split(':').at(-1));
    const config = { sshListen: `${NODE_IPV4}:${SSH_PORT}`, diskBound: 'none' };
    node = stack.use(await joinedNode({ invitation: () => invitation }, network, NODE, config));
    await node.start({ uplinked: connected });
    await systemRunner.run({ argv: ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'ada')] });
    await client.createPerson({ body: { email: ADA, name: 'Ada', roles: [{ role: 'pi', site: 'demo' }] } });
    const key = readFileSync(join(folder, 'ada.pub'), 'utf8').trim();
    await client.addKey({ params: { person: ADA }, body: { key } });
  }, 120_000);
  afterAll(async () => {
    await stack.disposeAsync();
    rmSync(folder, { recursive: true, force: true });
  });

  const deploy = async (name: string) => {
    await client.createSlice({ body: { name, persons: [ADA], resources: { memoryMiB: 64 } } });
    await client.addSlivers({ params: { slice: name }, body: { nodes: [NODE] } });
  };

  it('goes on by itself; both sides agree when it is back, and what happened meanwhile is told once', async () => {
    for (const name of ['demo_kept', 'demo_halted']) await deploy(name);
    await expect.poll(states, LONG).toEqual({ demo_kept: 'running', demo_halted: 'running' });
    const sinceBoot = 'cut -d" " -f22 /proc/1/stat';
    await expect.poll(() => ssh('demo_kept', sinceBoot).catch(String), LONG).toMatch(/^\d+$/);
    const before = await ssh('demo_kept', sinceBoot);
    const connections = (await happened(NODE)).filter((kind) => kind === 'node.connected').length;

    await cut();
    await expect.poll(() => plNode('status'), LONG).toMatch(/authority .*: (waiting|connecting)/);
    await expect.poll(nodeState, LONG).not.toBe('connected');
    expect(await ssh('demo_kept', sinceBoot)).toBe(before);
    const bomb = `perl -e '$x = "x" x (256 * 2**20)' >/dev/null 2>&1; echo $?`;
    expect(await ssh('demo_kept', bomb)).toBe('137');
    await plNode('stop', 'demo_halted', '--reason', 'while nobody looks');
    await deploy('demo_late');
    expect(await states()).toMatchObject({ demo_late: expect.not.stringMatching('running') });
    expect(JSON.parse(await plNode('slivers', '--json')).items).toMatchObject([
      { slice: 'demo_halted' },
      { slice: 'demo_kept', state: 'running' },
    ]);

    await nft('delete table inet test_cut');
    await connected();
    await expect.poll(states, LONG).toEqual({ demo_kept: 'running', demo_halted: 'stopped', demo_late: 'running' });
    expect(await ssh('demo_kept', sinceBoot)).toBe(before);
    const told = async (kind: string) => (await happened(`demo_kept@${NODE}`)).filter((each) => each === kind);
    await expect.poll(() => told('sliver.noticed'), LONG).toEqual(['sliver.noticed']);
    expect(await told('sliver.leased'), 'the lease is the same').toEqual(['sliver.leased']);
    const links = (await happened(NODE)).filter((kind) => /^node\.(dis)?connected$/.test(kind));
    expect(links.slice(0, 2)).toEqual(['node.connected', 'node.disconnected']);
    expect(links.filter((kind) => kind === 'node.connected')).toHaveLength(connections + 1);
  });
});
