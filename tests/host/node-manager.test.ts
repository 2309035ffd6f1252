import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mountsUnder } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  type TestAuthority,
  type TestNode,
  untilState,
} from './node-fixture.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a node that runs containers needs root');

describe.runIf(isRoot)('a node that runs containers', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  let node: TestNode;
  let caller: ReturnType<typeof nodeClient>;

  beforeAll(async () => {
    await ensureImage();
    const network = stack.use(await createTestNetwork('node-a'));
    authority = stack.use(await startAuthority(HOST_IPV4));
    node = stack.use(await joinedNode(authority, network, 'node-a'));
    caller = nodeClient(authority.identity, await node.start(authority));
  });
  afterAll(() => stack.disposeAsync());

  it('makes a sliver from a lease, runs programs in it, and leaves nothing when the lease ends', async () => {
    const { client, exec } = caller;
    const startedMs = performance.now();
    const lease = await client.requestLease({ body: leaseFor('test_one') });
    const grantedMs = performance.now() - startedMs;
    const sliver = await untilState(client, 'test_one', 'running');
    console.log(
      `granted after ${grantedMs.toFixed(1)} ms, running after ${(performance.now() - startedMs).toFixed(1)} ms`,
    );
    console.log(
      JSON.stringify(
        (await client.listSteps({ query: { slice: 'test_one' } })).items.map((s) => [s.step, s.durationMs]),
      ),
    );
    expect(sliver.ipv4).toBe('100.96.0.2');
    const said = await exec('test_one', ['sh', '-c', 'id -u; hostname; echo $PLANETLAB_SLICE; exit 7']);
    expect(said).toMatchObject({ stdout: '0\nnode-a\ntest_one\n', code: 7 });
    const ping = await exec('test_one', ['ping', '-c', '1', '-W', '2', '169.254.1.1']);
    expect(ping.code).toBe(0);
    await client.endLease({ params: { lease: lease.id } });
    await expect.poll(async () => (await client.listSlivers({})).items.length, { timeout: 10_000 }).toBe(0);
    expect(readdirSync(`${node.stateDir}/slivers`)).toEqual([]);
    expect(mountsUnder(`/run/planetlab/${node.tag}/roots/test_one`)).toEqual([]);
    expect(existsSync(`/sys/fs/cgroup/pids/planetlab/${node.tag}/test_one`)).toBe(false);
    expect(readFileSync(`/proc/${node.process().pid}/net/dev`, 'utf8')).not.toMatch(/pl[0-9a-f]{4}-/);
  });
});
