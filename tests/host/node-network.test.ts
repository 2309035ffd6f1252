import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { SliverUsage } from '@planetlab/contract';
import { inNamespace, systemRunner } from '@planetlab/linux';
import { Resources, type ResourcesInput, SliceName } from '@planetlab/model';
import { beforeAll, expect, it } from 'vitest';
import { LEAST_OF_RATE } from '../slowness.ts';
import { describeNode } from './describe-node.ts';
import { HOST_IPV4, leaseFor, NODE_IPV4, NODE_MANAGER } from './node-fixture.ts';
import { askOnce, tcpSink, udpReceiver } from './outside-node.ts';

const CLOSED = '10.255.77.1';
const OPENED = '192.168.255.77';
/** Documentation and local prefixes (RFC 3849, RFC 4193): the slivers', and addresses of the world and of the site's network. */
const SLIVERS_IPV6 = 'fd00:db8:0:2';
const WORLD_IPV6 = '2001:db8:ffff::1';
const CLOSED_IPV6 = 'fd00:db8:ffff::1';
/** A campus of public addresses (RFC 5737). */
const CAMPUS = '203.0.113';
/** A sliver's address as the kernel writes it in full. */
const ipv6In = (prefix: string, index: number): string =>
  [...prefix.split(':'), '0', '0', '0', index.toString(16)].map((group) => group.padStart(4, '0')).join(':');
/** Prints a sliver's own address. */
const ADDRESS = 'grep -B1 "32 host" /proc/net/fib_trie | grep -o "100.9[0-9.]*" | sort -u';
const tcp = (port: number) => ({ protocol: 'tcp' as const, port });
const udp = (port: number) => ({ protocol: 'udp' as const, port });

const NODE = {
  name: 'node-net',
  config: {
    ipv4: NODE_IPV4,
    apiListen: `${NODE_IPV4}:8443`,
    openToSlivers: [`${OPENED}/32`],
    ipv6Prefix: `${SLIVERS_IPV6}::/64`,
  },
};

describeNode('the network of a node', NODE, (world) => {
  beforeAll(async () => {
    const inputs = [CLOSED, OPENED].map((address) => `address add ${address}/32 dev pltest-host\n`);
    inputs.push(...[WORLD_IPV6, CLOSED_IPV6].map((address) => `address add ${address}/64 dev pltest-host nodad\n`));
    inputs.push(`route add ${SLIVERS_IPV6}::/64 via 2001:db8:ffff::2 dev pltest-host\n`);
    await systemRunner.run({ argv: ['ip', '-batch', '-'], input: inputs.join('') });
    const inside = `address add 2001:db8:ffff::2/64 dev eth-node nodad\nroute add ::/0 via ${WORLD_IPV6} dev eth-node\n`;
    await systemRunner.run({ argv: [...inNamespace(world.network.namespace), 'ip', '-batch', '-'], input: inside });
    await world.sliver('test_server', { ports: [tcp(8080), udp(5300)] });
    await world.sliver('test_other');
  });

  const inNode = async (...argv: [string, ...string[]]) =>
    (await systemRunner.run({ argv: [...inNamespace(world.network.namespace), ...argv] })).stdout;
  /** From this machine, which stands for the Internet; whether it succeeds or not. */
  const anyhow = (...argv: string[]) => systemRunner.run({ argv: ['sh', '-c', '"$@" || true', 'sh', ...argv] });
  const usage = (slice: string) => world.caller.client.getUsage({ params: { slice: SliceName.parse(slice) } });
  const perl = (slice: string, program: string) =>
    world.caller.exec(slice, ['timeout', '10', 'perl', '-MSocket', '-MIO::Socket::INET', '-e', program]);

  /** Answers one connection with who has connected. */
  const answering = (port: number) => `
  my $s = IO::Socket::INET->new(LocalPort => ${port}, Listen => 5, ReuseAddr => 1) or die $!;
  my $c = $s->accept; print $c $c->peerhost, ":", $c->peerport; close $c;`;
  const asking = (port: number) => `
  for (1..50) { my $c = IO::Socket::INET->new("${NODE_IPV4}:${port}") or do { select undef, undef, undef, 0.05; next };
  print scalar <$c>; last }`;
  const sending = (from: number, to: number) => `
  my $s = IO::Socket::INET->new(Proto => "udp", LocalPort => ${from}, PeerAddr => "${HOST_IPV4}:${to}") or die $!;
  $s->send("x") or die $!;`;

  it('leads a bound port to its sliver, and shows it who asks', async () => {
    const serving = perl('test_server', answering(8080));
    const answer = await askOnce(8080);
    expect(answer).toMatch(new RegExp(`^${HOST_IPV4}:\\d+$`));
    expect((await serving).code).toBe(0);
  });

  it('lets slivers of one node meet by the node’s address', async () => {
    const [serving, asked] = await Promise.all([
      perl('test_server', answering(8080)),
      perl('test_other', asking(8080)),
    ]);
    expect(serving.code).toBe(0);
    expect(asked.stdout).toMatch(new RegExp(`^${NODE_IPV4}:\\d+$`));
  });

  it('sends from a bound port by the same port, and nobody else by it', async () => {
    await using receiver = await udpReceiver();
    await perl('test_other', sending(5300, receiver.port));
    await perl('test_server', sending(5300, receiver.port));
    await expect.poll(() => receiver.from).toHaveLength(2);
    const [other, server] = receiver.from;
    expect(server).toEqual({ address: NODE_IPV4, port: 5300 });
    expect(other?.address).toBe(NODE_IPV4);
    expect(other?.port).toBeGreaterThanOrEqual(32_768);
  });

  it('refuses a port that another sliver or the node itself has, and gives it to the next when it is free', async () => {
    const ask = (port: number) => {
      const plain = leaseFor('test_third');
      const resources = Resources.parse({ ...plain.resources, ports: [tcp(port)] });
      return world.caller.client.requestLease({ body: { ...plain, resources } });
    };
    await expect(ask(8080)).rejects.toMatchObject({ code: 'conflict', details: { holder: 'test_server' } });
    await expect(ask(8443)).rejects.toMatchObject({ code: 'admission_refused' });
    const first = await world.sliver('test_first', { ports: [tcp(8081)] });
    await expect(ask(8081)).rejects.toMatchObject({ code: 'conflict' });
    await world.caller.client.endLease({ params: { lease: first.id } });
    const third = await ask(8081);
    await world.caller.client.endLease({ params: { lease: third.id } });
  });

  it('marks every flow with who began it, and counts its bytes', async () => {
    const slivers = (await world.caller.client.listSlivers({})).items;
    const indexOf = (slice: string) => Number(slivers.find((each) => each.slice === slice)?.ipv4?.split('.')[3]);
    const flow = async (...words: readonly string[]) =>
      (await inNode('cat', '/proc/net/nf_conntrack')).split('\n').find((line) => words.every((w) => line.includes(w)));
    const [other, server] = [indexOf('test_other'), indexOf('test_server')];
    await world.caller.exec('test_other', ['ping', '-c2', '-i0.2', '-W1', '-n', HOST_IPV4]);
    const own = await flow(' icmp ', `src=100.96.0.${other} `);
    expect(own).toMatch(new RegExp(`bytes=168 .* bytes=168 mark=${other} `));
    const count = async () => (await inNode('cat', '/proc/net/nf_conntrack')).split(` mark=${other} `).length - 1;
    // one may end between the two counts
    await expect
      .poll(async () => (await usage('test_other')).egress?.flows?.used === (await count()), { timeout: 15_000 })
      .toBe(true);
    await world.caller.exec('test_other', ['ping', '-c1', '-W1', '-n', WORLD_IPV6]);
    expect(await flow(' icmpv6 ', ipv6In(SLIVERS_IPV6, other)), 'by IPv6').toContain(` mark=${other} `);
    await Promise.all([perl('test_server', answering(8080)), askOnce(8080)]);
    const bound = await flow(' tcp ', `src=${HOST_IPV4} `, `src=100.96.0.${server} `);
    expect(bound, 'from outside, to a bound port').toContain(` mark=${server} `);
  });

  it('changes ports, highest rate and new flows of a sliver that runs', async () => {
    const lease = await world.sliver('test_changed');
    const change = (over: ResourcesInput) => {
      const resources = Resources.parse({ ...lease.resources, ...over });
      return world.caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
    };
    const rules = () => inNode('nft', 'list', 'table', 'inet', `planetlab_${world.node.tag}`);
    const classes = () => inNode('tc', 'class', 'show', 'dev', 'eth-node');
    await change({ ports: [tcp(8082)], newFlowsPerSecond: 17, egress: { maxKbps: 3000 } });
    await expect.poll(rules).toMatch(/tcp \. 8082 : 100\.96/);
    expect(await rules()).toContain('limit rate over 17/second burst 34 packets');
    await expect.poll(classes).toMatch(/ceil 3Mbit/);
    const [serving, answer] = await Promise.all([perl('test_changed', answering(8082)), askOnce(8082)]);
    expect([serving.code, answer]).toEqual([0, expect.stringMatching(new RegExp(`^${HOST_IPV4}:`))]);
    await change({ ports: [] });
    await expect.poll(rules).not.toContain('tcp . 8082');
    expect(await rules()).not.toContain('limit rate over 17/second');
    await expect.poll(classes).not.toMatch(/ceil 3Mbit/);
    await world.caller.client.endLease({ params: { lease: lease.id } });
  });

  it('closes the local network but for what the owner opens', async () => {
    const ping = async (to: string) => world.caller.exec('test_other', ['ping', '-c1', '-W1', '-n', to]);
    expect((await ping(OPENED)).code).toBe(0);
    const closed = await ping(CLOSED);
    expect(closed).toMatchObject({ code: 1, stdout: expect.stringContaining('Packet filtered') });
    await inNode('ping', '-c1', '-W1', '-n', CLOSED); // the node itself may
    const port = await perl('test_other', `exit(IO::Socket::INET->new("${NODE_IPV4}:8443") ? 0 : 3)`);
    expect(port.code, 'the node’s own API').toBe(3);
  });

  it('closes a network of public addresses as soon as the node stands in it, and not its router', async () => {
    const ping = async (to: string) => (await world.caller.exec('test_other', ['ping', '-c1', '-W1', '-n', to])).stdout;
    await systemRunner.run({ argv: ['ip', 'address', 'add', `${CAMPUS}.1/24`, 'dev', 'pltest-host'] });
    await inNode('ping', '-c1', '-W1', '-n', `${CAMPUS}.1`);
    expect(await ping(`${CAMPUS}.1`), 'as part of the world').toContain('1 received');
    await inNode('ip', 'address', 'add', `${CAMPUS}.200/24`, 'dev', 'eth-node');
    await expect.poll(() => ping(`${CAMPUS}.1`), { timeout: 30_000 }).toContain('Packet filtered');
    expect(await ping(HOST_IPV4), 'the router').toContain('1 received');
    await inNode('ip', 'address', 'delete', `${CAMPUS}.200/24`, 'dev', 'eth-node');
  });

  it('leads IPv6 to the world under the sliver’s own address, and not into the local network', async () => {
    await using receiver = await udpReceiver(WORLD_IPV6);
    const { ipv6 } = await world.caller.client.getSliver({ params: { slice: SliceName.parse('test_other') } });
    expect(ipv6).toMatch(new RegExp(`^${SLIVERS_IPV6}:`));
    const send = `socket(S, PF_INET6, SOCK_DGRAM, 17); send(S, "x", 0, pack_sockaddr_in6(${receiver.port}, Socket::inet_pton(AF_INET6, "${WORLD_IPV6}"))) or die $!`;
    expect(await perl('test_other', send)).toMatchObject({ code: 0, stderr: '' });
    await expect.poll(() => receiver.from.map(({ address }) => address), { timeout: 10_000 }).toEqual([ipv6]);
    const ping = async (to: string) => (await world.caller.exec('test_other', ['ping', '-c1', '-W1', '-n', to])).code;
    expect(await ping(WORLD_IPV6)).toBe(0);
    expect(await ping(CLOSED_IPV6)).not.toBe(0);
    await inNode('ping', '-c1', '-W1', '-n', '2001:db8:ffff::1');
  });

  it('sends nothing on to an address of its prefix that no sliver has, and says so', async () => {
    const { stdout } = await anyhow('ping', '-c1', '-W5', '-n', `${SLIVERS_IPV6}::dead`);
    expect(stdout).toMatch(/From 2001:db8:ffff::2 .*Destination unreachable: No route/);
  });

  it('does not become a router between the machine’s own networks', async () => {
    await inNode('ip', 'link', 'add', 'lan-node', 'type', 'veth', 'peer', 'name', 'lan-other');
    await inNode('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/lan-node/disable_ipv6'); // nothing is sent but what is asked for
    for (const end of ['lan-node', 'lan-other']) await inNode('ip', 'link', 'set', end, 'up');
    await inNode('ip', 'address', 'add', '10.255.76.1/24', 'dev', 'lan-node');
    await inNode('ip', 'neighbour', 'add', '10.255.76.77', 'lladdr', '02:00:00:00:00:77', 'dev', 'lan-node');
    await systemRunner.run({ argv: ['ip', 'route', 'add', '10.255.76.0/24', 'via', NODE_IPV4] });
    const sent = async () => Number(/lan-node:(?:\s+\d+){9}\s+(\d+)/.exec(await inNode('cat', '/proc/net/dev'))?.[1]);
    const before = await sent();
    await anyhow('ping', '-c2', '-i0.2', '-W1', '-n', '10.255.76.77');
    expect(await sent()).toBe(before);
    await anyhow(...inNamespace(world.network.namespace), 'ping', '-c1', '-W1', '-n', '10.255.76.77'); // it may itself
    expect(await sent()).toBe(before + 1);
    expect(await inNode('cat', '/proc/sys/net/ipv6/conf/eth-node/accept_ra'), 'it goes on listening to routers').toBe(
      '2\n',
    );
  });

  it('shows the way to traceroute', async () => {
    const way = async (to: string) =>
      (await world.caller.exec('test_other', ['traceroute', '-n', '-q1', '-w5', '-m4', to])).stdout;
    expect(await way(HOST_IPV4)).toMatch(/\n 1 {2}169\.254\.1\.1 .*\n 2 {2}198\.51\.100\.1 .*\n$/);
    expect(await way(WORLD_IPV6)).toMatch(/\n 1 {2}2001:db8:ffff::2 .*\n 2 {2}2001:db8:ffff::1 .*\n$/);
  });

  it('shows to tcpdump what a sliver sends and gets itself, and nothing of its neighbour', async () => {
    const run = async (slice: string, script: string) => (await world.caller.exec(slice, ['sh', '-c', script])).stdout;
    const watch =
      'tcpdump -nl -i any icmp or udp >seen 2>said & echo $! >pid; until grep -q ^listening said; do :; done';
    await run('test_other', `cd /root; setsid ${watch}`);
    await using receiver = await udpReceiver();
    await perl('test_server', sending(5300, receiver.port));
    await expect.poll(() => receiver.from.length).toBe(1);
    expect(await run('test_server', `ping -c1 -W5 -n ${HOST_IPV4}`)).toContain(' 0% packet loss');
    expect(await run('test_other', `ping -c1 -W5 -n ${HOST_IPV4}`)).toContain(' 0% packet loss');
    const seen = await run('test_other', 'cd /root; until grep -q reply seen; do :; done; kill $(cat pid); cat seen');
    const own = (await run('test_other', ADDRESS)).trim();
    expect(seen).toMatch(new RegExp(`${own} > ${HOST_IPV4}: ICMP echo request`));
    for (const line of seen.trim().split('\n')) expect(line).toContain(own);
  });

  it('refuses flows above the limit, and counts them', async () => {
    await world.sliver('test_flood', { newFlowsPerSecond: 10 });
    await using receiver = await udpReceiver();
    const flood = `for my $n (1..200) { my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "${HOST_IPV4}:${receiver.port}"); $s->send("x") }`;
    expect(await perl('test_flood', flood)).toMatchObject({ code: 0, stderr: '' });
    await perl('test_other', sending(1000, receiver.port)); // its neighbour is not concerned
    await expect.poll(() => receiver.from.length).toBeGreaterThanOrEqual(21);
    expect(receiver.from.length).toBeLessThan(60);
    expect((await usage('test_flood')).egress?.refusedFlows).toBeGreaterThanOrEqual(140);
  });

  it('keeps a sliver to its highest rate, and slows it when it has sent its volume', async () => {
    const lease = await world.sliver('test_fast', { egress: { maxKbps: 4000 } });
    await using sink = await tcpSink();
    const bytes = 1_500_000;
    const send = `my $s = IO::Socket::INET->new("${HOST_IPV4}:${sink.port}") or die; my $d = "x" x 10000; for (1..${bytes / 10_000}) { my $o = 0; while ($o < 10000) { $o += syswrite($s, $d, 10000 - $o, $o) } }`;
    expect(await perl('test_fast', send)).toMatchObject({ code: 0, stderr: '' });
    expect(sink.kbps()).toBeGreaterThan(4000 * LEAST_OF_RATE); // without the headers
    expect(sink.kbps()).toBeLessThan(4000 * 1.05);
    const resources = { ...lease.resources, egress: { ...lease.resources.egress, dailyMiB: 1 } };
    await world.caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
    await expect
      .poll(
        async () =>
          (await world.caller.client.listSteps({ query: { slice: 'test_fast' } })).items.map(({ step }) => step),
        {
          timeout: 15_000,
        },
      )
      .toContain('SlowEgress');
    const used = await usage('test_fast');
    expect(used.egress?.sentTodayMiB).toBeGreaterThan(1.4);
    expect(used.egress).toMatchObject({ ceilKbps: 8 });
    expect(used.notices).toMatchObject([{ code: 'slowed_down' }]);
    const rate = async () => (await usage('test_fast')).egress?.rateKbps;
    await expect.poll(rate, { timeout: 30_000 }).toBeTypeOf('number');
    const shown = await shownTo(await usage('test_fast'));
    expect(shown['Egress']).toMatch(
      /^weight 1, at least 8 kbit\/s, at most 4 Mbit\/s, in use \d+ kbit\/s, sent 1\.\d MiB of 1 MiB today, slowed to 8 kbit\/s since 2/,
    );
    expect(shown['Flows']).toMatch(/^\d+ of 4096, 200 new per second, 0 refused$/);
    const told = [shown['CPU'], shown['Memory'], shown['Processes'], shown['Disk']].join('; ');
    expect(told).toMatch(/^weight 1, .* used .*; .* of .* MiB, .*; \d+ of \d+, 0 refused; .* MiB of .*bound by /);
    await expect.poll(() => inNode('tc', 'class', 'show', 'dev', 'eth-node')).toMatch(/rate 8Kbit ceil 8Kbit/);
  });

  it('gives slivers their network anew when the owner has changed their addresses, and they run on', async () => {
    const look = async () => {
      const script = `cut -d" " -f22 /proc/1/stat; ${ADDRESS}`;
      return (await world.caller.exec('test_other', ['sh', '-c', script])).stdout.trim().split('\n');
    };
    const [since, address] = await look();
    const config = join(world.node.stateDir, 'config.json');
    const before = readFileSync(config, 'utf8');
    await world.node.stop('SIGTERM');
    writeFileSync(config, JSON.stringify({ ...JSON.parse(before), sliverIpv4Range: '100.97.0.0/16' }));
    await world.start();
    await expect.poll(look).toEqual([since, address?.replace('100.96.', '100.97.')]);
    const reached = await world.caller.exec('test_other', ['ping', '-c1', '-W5', '-n', HOST_IPV4]);
    expect(reached.stdout).toContain(' 0% packet loss');
  });

  it('leaves no rules and no classes behind', async () => {
    expect(await inNode('nft', 'list', 'tables')).toContain(`planetlab_${world.node.tag}`);
    expect(await inNode('tc', 'qdisc', 'show', 'dev', 'eth-node')).toContain('htb');
    await world.node.stop('SIGTERM');
    await inNode(process.execPath, NODE_MANAGER, 'purge', '--state', world.node.stateDir);
    expect(await inNode('nft', 'list', 'tables')).toBe('');
    expect(await inNode('tc', 'qdisc', 'show', 'dev', 'eth-node')).not.toContain('htb');
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(`/run/planetlab/${world.node.tag}`);
  });
});

/** What `pl sliver show` says of these figures, in a process of its own, as `pl` is one. */
async function shownTo(used: SliverUsage): Promise<Readonly<Record<string, string>>> {
  const module = resolve(import.meta.dirname, '../../apps/cli/src/slivers/usage.ts');
  const script = `import { usageFields } from ${JSON.stringify(module)}; import { text } from 'node:stream/consumers';
console.log(JSON.stringify(Object.fromEntries(usageFields(JSON.parse(await text(process.stdin))))));`;
  const argv = [process.execPath, '--input-type=module', '--eval', script] as const;
  return JSON.parse((await systemRunner.run({ argv, input: JSON.stringify(used) })).stdout);
}
