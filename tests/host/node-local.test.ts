import { existsSync, readFileSync, statSync } from 'node:fs';
import { systemRunner } from '@planetlab/linux';
import { expect, it } from 'vitest';
import { describeNode } from './describe-node.ts';
import { leaseFor, NODE_MANAGER, untilState } from './node-fixture.ts';
import { sliverCgroup } from './sliver-cgroup.ts';

const KEY = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`;

describeNode('the administrator of a machine', { name: 'node-local' }, (world) => {
  const plNode = async (...args: readonly string[]): Promise<string> =>
    (await systemRunner.run({ argv: [process.execPath, NODE_MANAGER, ...args, '--state', world.node.stateDir] }))
      .stdout;
  const plNodeJson = async (...args: readonly string[]) => JSON.parse(await plNode(...args, '--json'));
  const socket = () => `/run/planetlab/${world.node.tag}/admin.sock`;
  const mounted = (slice: string) =>
    readFileSync(`/proc/self/mountinfo`, 'utf8').includes(`/run/planetlab/${world.node.tag}/roots/${slice}/root`);

  it('sees who runs what, through a socket that is root’s alone', async () => {
    expect(statSync(socket()).mode & 0o777).toBe(0o600);
    await world.caller.client.requestLease({ body: leaseFor('test_seen', { keys: [KEY] }) });
    await untilState(world.caller.client, 'test_seen', 'running');
    const { items } = await plNodeJson('slivers');
    expect(items).toMatchObject([
      {
        ...{ slice: 'test_seen', state: 'running', people: ['ada@example.org'] },
        ...{ principal: 'broker:test', authority: 'test-authority' },
      },
    ]);
    expect(items[0].use.processes).toBeGreaterThan(0);
    expect(items[0].cpuPercent).toBeTypeOf('number');
    const words = await plNode('slivers');
    expect(words).toMatch(/^test_seen +running .* ada@example\.org +broker:test +test-authority +in \d+ min/m);
    expect(await plNode('status')).toContain('slivers     1 running, 0 not');
    expect(await plNode('steps', 'test_seen')).toContain('StartMachine');
  });

  it('stops a sliver with the reason for all to see, and starts it with what it had written', async () => {
    const { client, exec } = world.caller;
    await client.requestLease({ body: leaseFor('test_noisy') });
    await untilState(client, 'test_noisy', 'running');
    await exec('test_noisy', ['sh', '-c', 'echo kept > /root/note']);
    await plNode('stop', 'test_noisy', '--reason', 'port scans');
    const stopped = await untilState(client, 'test_noisy', 'stopped');
    expect(stopped.reason?.message).toBe("Stopped by the node's administrator (port scans).");
    expect(mounted('test_noisy')).toBe(false);
    await world.node.stop('SIGKILL');
    await world.start();
    await untilState(world.caller.client, 'test_noisy', 'stopped');
    await plNode('start', 'test_noisy');
    await untilState(world.caller.client, 'test_noisy', 'running');
    expect(await world.caller.exec('test_noisy', ['cat', '/root/note'])).toMatchObject({ stdout: 'kept\n' });
  });

  it('bans a slice: its sliver ends and it is refused with the reason', async () => {
    const { client } = world.caller;
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
    const { client } = world.caller;
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
    await world.node.stop('SIGKILL');
    await plNode('stop', 'test_seen');
    expect(sliverCgroup(world.node.tag, 'test_seen').pids()).toEqual([]);
    await world.start();
    await untilState(world.caller.client, 'test_seen', 'stopped');
    await plNode('start', 'test_seen');
    await untilState(world.caller.client, 'test_seen', 'running');
  });

  it('switches the node off and on, and slivers have what they had written', async () => {
    await world.caller.exec('test_seen', ['sh', '-c', 'echo kept > /root/note']);
    await plNode('halt');
    expect(existsSync(`/run/planetlab/${world.node.tag}`)).toBe(false);
    expect(existsSync(`${world.node.stateDir}/slivers/test_seen`)).toBe(true);
    await world.start();
    await untilState(world.caller.client, 'test_seen', 'running');
    expect(await world.caller.exec('test_seen', ['cat', '/root/note'])).toMatchObject({ stdout: 'kept\n' });
  });

  it('leaves: the manager ends, and nothing is left of the node', async () => {
    await expect(plNode('leave')).rejects.toThrow('add --yes');
    await plNode('leave', '--yes');
    expect(world.node.process().exitCode).toBe(0);
    expect(existsSync(world.node.stateDir)).toBe(false);
    expect(existsSync(`/run/planetlab/${world.node.tag}`)).toBe(false);
  });
});
