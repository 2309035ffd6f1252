import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mountsUnder, removeCgroupTree, unmountUnder } from '@planetlab/linux';
import { SliceName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { describeNode } from './describe-node.ts';
import { HOST_IPV4, leaseFor, NODE_IPV4, untilState } from './node-fixture.ts';
import { sliverCgroup } from './sliver-cgroup.ts';

const NODE = { name: 'node-a', config: { ipv6Prefix: 'fd00:db8:0:1::/64' } };

describeNode('a node that runs containers', NODE, (world) => {
  /** Whatever of a sliver could still be there. */
  const remains = (slice: string) => [
    ...(existsSync(`${world.node.stateDir}/slivers/${slice}`) ? ['volume'] : []),
    ...mountsUnder(`/run/planetlab/${world.node.tag}/roots/${slice}`),
    ...(sliverCgroup(world.node.tag, slice).exists() ? ['cgroup'] : []),
    ...(existsSync(`/run/planetlab/${world.node.tag}/oci/${slice}`) ? ['machine'] : []),
  ];
  const links = () =>
    readFileSync(`/proc/${world.node.process().pid}/net/dev`, 'utf8').match(/pl[0-9a-f]{4}-\d+/g) ?? [];
  const inManager = (path: string) => readFileSync(`/proc/${world.node.process().pid}/root${path}`, 'utf8');
  const noSlivers = () =>
    expect.poll(async () => (await world.caller.client.listSlivers({})).items.length, { timeout: 10_000 }).toBe(0);

  it('makes a sliver from a lease, runs programs in it, and leaves nothing when the lease ends', async () => {
    const { client, exec } = world.caller;
    const lease = await client.requestLease({ body: leaseFor('test_one') });
    const sliver = await untilState(client, 'test_one', 'running');
    expect(sliver).toMatchObject({ ipv4: '100.96.0.2', ipv6: 'fd00:db8:0:1::2', reason: null });
    const said = await exec('test_one', ['sh', '-c', 'id -u; hostname; echo $PLANETLAB_SLICE; exit 7']);
    expect(said).toMatchObject({ stdout: '0\nnode-a\ntest_one\n', code: 7 });
    await client.endLease({ params: { lease: lease.id } });
    await noSlivers();
    expect(remains('test_one')).toEqual([]);
    expect(links()).toEqual([]);
    const { items } = await client.listSteps({ query: { slice: 'test_one' } });
    expect(
      items
        .map(({ step }) => step)
        .toReversed()
        .slice(0, 4),
    ).toEqual(['MountRoot', 'CreateMachine', 'AttachNetwork', 'StartMachine']);
  });

  it('gives a later lease of the same slice a fresh root', async () => {
    const { client, exec } = world.caller;
    const first = await client.requestLease({ body: leaseFor('test_fresh') });
    await untilState(client, 'test_fresh', 'running');
    await exec('test_fresh', ['touch', '/root/left']);
    await client.endLease({ params: { lease: first.id } });
    // at once, while the first is being removed
    const second = await client.requestLease({ body: leaseFor('test_fresh') });
    await expect
      .poll(async () => (await client.getSliver({ params: { slice: 'test_fresh' } })).state, { timeout: 10_000 })
      .toBe('running');
    await expect.poll(async () => (await exec('test_fresh', ['ls', '/root'])).stdout, { timeout: 10_000 }).toBe('');
    await client.endLease({ params: { lease: second.id } });
    await noSlivers();
  });

  it('connects slivers to the world and keeps them apart', async () => {
    const { client, exec } = world.caller;
    const leases = await Promise.all(
      ['test_left', 'test_right'].map((slice) => client.requestLease({ body: leaseFor(slice) })),
    );
    const [left, right] = await Promise.all(
      ['test_left', 'test_right'].map((slice) => untilState(client, slice, 'running')),
    );
    const ping = async (from: string, to: string) => (await exec(from, ['ping', '-c1', '-W1', '-n', to])).code;
    expect(await ping('test_left', '169.254.1.1'), 'its gateway').toBe(0);
    expect(await ping('test_left', NODE_IPV4), 'its node').toBe(0);
    expect(await ping('test_left', HOST_IPV4), 'the world, through NAT').toBe(0);
    expect(await ping('test_left', right?.ipv4 ?? ''), 'a neighbour by its private address').not.toBe(0);
    expect(await ping('test_left', right?.ipv6 ?? ''), 'a neighbour by its public address').toBe(0);
    const spoof = await exec('test_left', [
      'sh',
      '-c',
      `ip address add 100.96.0.77/32 dev eth0 && ping -c1 -W1 -n -I 100.96.0.77 ${HOST_IPV4}`,
    ]);
    expect(spoof.code, `with an address that is not its own; ${left?.ipv4} is`).not.toBe(0);
    const listening = await exec('test_left', ['timeout', '5', 'bash', '-c', `exec 3<>/dev/tcp/${NODE_IPV4}/22`]);
    expect(listening).toMatchObject({ code: 1, stderr: expect.stringContaining('No route to host') });
    for (const { id } of leases) await client.endLease({ params: { lease: id } });
    await noSlivers();
    expect(links()).toEqual([]);
  });

  it('tells a sliver its tags in a file that it cannot write, and that leads nowhere else', async () => {
    const { client, exec } = world.caller;
    const slice = SliceName.parse('test_told');
    const lease = await client.requestLease({ body: leaseFor(slice) });
    await untilState(client, slice, 'running');
    const pid = (await exec(slice, ['stat', '-c', '%Y', '/proc/1'])).stdout;
    const tell = async (role: string) => {
      await client.setTags({ params: { slice }, body: { tags: { role } } });
      const told = () => exec(slice, ['cat', '/run/planetlab/sliver.json']).then(({ stdout }) => JSON.parse(stdout));
      await expect.poll(told, { timeout: 30_000 }).toMatchObject({ slice, node: 'node-a', tags: { role } });
    };
    await tell('seed');
    const hostile = `cd /run/planetlab; ln -sf /etc/passwd sliver.json.new; echo x > sliver.json; rm -f sliver.json
      mount -o remount,rw,bind /run/planetlab && { echo x > sliver.json; mv sliver.json other; chmod 777 .; ls -A; }`;
    expect((await exec(slice, ['sh', '-c', hostile])).stdout).toMatch(/^(sliver\.json\n)?$/);
    await tell('mirror');
    // it may hide the folder from itself; what the node writes it writes where it always did
    await exec(slice, ['sh', '-c', 'umount /run/planetlab; rm -rf /run/planetlab; ln -s /etc /run/planetlab']);
    await client.setTags({ params: { slice }, body: { tags: { role: 'lost' } } });
    const about = `/run/planetlab/${world.node.tag}/roots/${slice}/about/sliver.json`;
    await expect.poll(() => inManager(about), { timeout: 30_000 }).toContain('lost');
    expect((await exec(slice, ['sh', '-c', 'ls /etc/sliver.json 2>/dev/null; stat -c %Y /proc/1'])).stdout).toBe(pid);
    await client.endLease({ params: { lease: lease.id } });
    await noSlivers();
    expect(remains(slice)).toEqual([]);
  });

  it('ends a sliver at the end of its lease by itself', async () => {
    const { client } = world.caller;
    await client.requestLease({ body: leaseFor('test_short', { endsInMs: 1500 }) });
    await untilState(client, 'test_short', 'running');
    await untilState(client, 'test_short', 'gone');
    expect(remains('test_short')).toEqual([]);
  });

  it('leaves slivers running when it stops, and finds them again', async () => {
    const { client } = world.caller;
    const lease = await client.requestLease({ body: leaseFor('test_stays') });
    await untilState(client, 'test_stays', 'running');
    const started = await world.caller.exec('test_stays', ['sh', '-c', 'echo here > /tmp/mark; stat -c %Y /proc/1']);
    await world.node.stop('SIGTERM');
    await world.start();
    await untilState(world.caller.client, 'test_stays', 'running');
    const again = await world.caller.exec('test_stays', ['sh', '-c', 'cat /tmp/mark; stat -c %Y /proc/1']);
    expect(again.stdout).toBe(`here\n${started.stdout}`);
    await world.caller.client.endLease({ params: { lease: lease.id } });
    await noSlivers();
  });

  it('comes back after a reboot with what was written in it', async () => {
    const lease = await world.caller.client.requestLease({ body: leaseFor('test_reboot') });
    await untilState(world.caller.client, 'test_reboot', 'running');
    await world.caller.exec('test_reboot', ['sh', '-c', 'echo kept > /root/note']);
    await world.node.stop('SIGKILL');
    // what a reboot takes away: processes, mounts, and what lies below /run
    await removeCgroupTree(`planetlab/${world.node.tag}`);
    unmountUnder(`/run/planetlab/${world.node.tag}/roots`);
    rmSync(`/run/planetlab/${world.node.tag}`, { recursive: true });
    await world.start();
    await untilState(world.caller.client, 'test_reboot', 'running');
    expect((await world.caller.exec('test_reboot', ['cat', '/root/note'])).stdout).toBe('kept\n');
    await world.caller.client.endLease({ params: { lease: lease.id } });
    await noSlivers();
  });

  it('removes what is there without a lease when it starts', async () => {
    await world.node.stop('SIGTERM');
    mkdirSync(`${world.node.stateDir}/slivers/test_left.over/upper`, { recursive: true });
    mkdirSync(sliverCgroup(world.node.tag, 'test_debris').folder('pids'), { recursive: true });
    await world.start();
    await expect.poll(() => readdirSync(`${world.node.stateDir}/slivers`)).toEqual([]);
    await expect.poll(() => remains('test_debris')).toEqual([]);
  });
});
