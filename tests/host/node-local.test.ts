import { existsSync, readFileSync, statSync } from 'node:fs';
import { systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  NODE_MANAGER,
  nodeClient,
  startAuthority,
  type TestAuthority,
  type TestNode,
  untilState,
} from './node-fixture.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: the administrator of a machine is root');

// Only root may open the administrator's socket, and containers need root; without it the reason is printed above.
describe.runIf(isRoot)('the administrator of a machine', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  let node: TestNode;
  let caller: ReturnType<typeof nodeClient>;

  beforeAll(async () => {
    await ensureImage();
    const network = stack.use(await createTestNetwork('local'));
    authority = stack.use(await startAuthority(HOST_IPV4));
    node = stack.use(await joinedNode(authority, network, 'node-local'));
    caller = nodeClient(authority.identity, await node.start(authority));
  });
  afterAll(() => stack.disposeAsync());

  const plNode = async (...args: readonly string[]): Promise<string> =>
    (await systemRunner.run({ argv: [process.execPath, NODE_MANAGER, ...args, '--state', node.stateDir] })).stdout;
  const plNodeJson = async (...args: readonly string[]) => JSON.parse(await plNode(...args, '--json'));
  const restart = async () => {
    caller = nodeClient(authority.identity, await node.start(authority), { key: caller.key });
  };
  const socket = () => `/run/planetlab/${node.tag}/admin.sock`;
  const mounted = (slice: string) =>
    readFileSync(`/proc/self/mountinfo`, 'utf8').includes(`/run/planetlab/${node.tag}/roots/${slice}/root`);

  it('sees who runs what, through a socket that is root’s alone', async () => {
    expect(statSync(socket()).mode & 0o777).toBe(0o600);
    await caller.client.requestLease({ body: leaseFor('test_seen') });
    await untilState(caller.client, 'test_seen', 'running');
    const { items } = await plNodeJson('slivers');
    expect(items).toMatchObject([
      { slice: 'test_seen', state: 'running', principal: 'broker:test', authority: 'test-authority' },
    ]);
    expect(items[0].use.processes).toBeGreaterThan(0);
    expect(items[0].cpuPercent).toBeTypeOf('number');
    const words = await plNode('slivers');
    expect(words).toMatch(/^test_seen +running .* broker:test +test-authority +in \d+ min/m);
    expect(await plNode('status')).toContain('slivers     1 running, 0 not');
    expect(await plNode('steps', 'test_seen')).toContain('StartMachine');
  });

  it('stops a sliver with the reason for all to see, and starts it with what it had written', async () => {
    const { client, exec } = caller;
    await client.requestLease({ body: leaseFor('test_noisy') });
    await untilState(client, 'test_noisy', 'running');
    await exec('test_noisy', ['sh', '-c', 'echo kept > /root/note']);
    await plNode('stop', 'test_noisy', '--reason', 'port scans');
    const stopped = await untilState(client, 'test_noisy', 'stopped');
    expect(stopped.reason?.message).toBe("Stopped by the node's administrator (port scans).");
    expect(mounted('test_noisy')).toBe(false);
    await node.stop('SIGKILL');
    await restart();
    await untilState(caller.client, 'test_noisy', 'stopped');
    await plNode('start', 'test_noisy');
    await untilState(caller.client, 'test_noisy', 'running');
    expect(await caller.exec('test_noisy', ['cat', '/root/note'])).toMatchObject({ stdout: 'kept\n' });
  });

  it('bans a slice: its sliver ends and it is refused with the reason', async () => {
    const { client } = caller;
    await plNode('ban', 'test_noisy', '--reason', 'port scans');
    await expect
      .poll(async () => (await client.listSlivers({})).items.map(({ slice }) => slice), { timeout: 10_000 })
      .toEqual(['test_seen']);
    await expect(client.requestLease({ body: leaseFor('test_noisy') })).rejects.toMatchObject({
      code: 'admission_refused',
      message: expect.stringContaining('has banned test_noisy (port scans)'),
    });
    expect(await plNode('bans')).toMatch(/^test_noisy .*port scans$/m);
    await plNode('unban', 'test_noisy');
    const lease = await client.requestLease({ body: leaseFor('test_noisy') });
    await client.endLease({ params: { lease: lease.id } });
  });

  it('drains the node: it says so, leases and renews nothing, and ends nothing early', async () => {
    const { client } = caller;
    await plNode('drain', '--reason', 'new disk on Friday');
    expect((await client.getNode({})).drain?.message).toContain('new disk on Friday');
    await expect(client.requestLease({ body: leaseFor('test_late') })).rejects.toMatchObject({
      code: 'admission_refused',
    });
    const [lease] = (await client.listLeases({})).items;
    const renewal = { params: { lease: lease?.id ?? '' }, body: { expiresAt: leaseFor('test_seen').expiresAt } };
    await expect(client.renewLease(renewal)).rejects.toMatchObject({ code: 'admission_refused' });
    expect((await client.getSliver({ params: { slice: 'test_seen' } })).state).toBe('running');
    await plNode('undrain');
    await client.renewLease(renewal);
    expect((await client.getNode({})).drain).toBeUndefined();
  });

  it('stops a sliver at once while no manager runs, and the next manager keeps it stopped', async () => {
    await node.stop('SIGKILL');
    const cgroup = `/sys/fs/cgroup/pids/planetlab/${node.tag}/test_seen/cgroup.procs`;
    const v2 = `/sys/fs/cgroup/planetlab/${node.tag}/test_seen/cgroup.procs`;
    await plNode('stop', 'test_seen');
    expect(readFileSync(existsSync(cgroup) ? cgroup : v2, 'utf8')).toBe('');
    await restart();
    await untilState(caller.client, 'test_seen', 'stopped');
    await plNode('start', 'test_seen');
    await untilState(caller.client, 'test_seen', 'running');
  });

  it('switches the node off and on, and slivers have what they had written', async () => {
    await caller.exec('test_seen', ['sh', '-c', 'echo kept > /root/note']);
    await plNode('halt');
    expect(existsSync(`/run/planetlab/${node.tag}`)).toBe(false);
    expect(existsSync(`${node.stateDir}/slivers/test_seen`)).toBe(true);
    await restart();
    await untilState(caller.client, 'test_seen', 'running');
    expect(await caller.exec('test_seen', ['cat', '/root/note'])).toMatchObject({ stdout: 'kept\n' });
  });

  it('leaves: the manager ends, and nothing is left of the node', async () => {
    await expect(plNode('leave')).rejects.toThrow('add --yes');
    await plNode('leave', '--yes');
    expect(node.process().exitCode).toBe(0);
    expect(existsSync(node.stateDir)).toBe(false);
    expect(existsSync(`/run/planetlab/${node.tag}`)).toBe(false);
  });
});
