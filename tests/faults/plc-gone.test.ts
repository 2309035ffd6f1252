import { describe, expect, it } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from '../host/node-fixture.ts';
import { sliverCgroup } from '../host/sliver-cgroup.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a lease whose authority is gone needs root, which makes its sliver');

// real slivers are containers, which need root
describe.skipIf(!isRoot)('a lease that ends while its authority is gone', () => {
  it('ends its sliver on time, by the node alone', async () => {
    await ensureImage();
    await using network = await createTestNetwork('alone');
    const authority = await startAuthority(HOST_IPV4);
    await using node = await joinedNode(authority, network, 'alone');
    const { client } = nodeClient(authority.identity, await node.start(authority));
    const { expiresAt } = await client.requestLease({ body: leaseFor('test_alone', { endsInMs: 4000 }) });
    await untilState(client, 'test_alone', 'running');
    await authority[Symbol.asyncDispose]();
    const running = () => sliverCgroup(node.tag, 'test_alone').exists();
    expect(running()).toBe(true);
    await expect.poll(running, { timeout: 20_000, interval: 20 }).toBe(false);
    const lateMs = Date.now() - Date.parse(expiresAt);
    expect(lateMs, 'not before its end').toBeGreaterThanOrEqual(0);
    expect(lateMs, 'soon after its end, the time to stop it included').toBeLessThan(8000);
  });
});
