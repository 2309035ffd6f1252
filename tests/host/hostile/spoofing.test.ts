import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { inNamespace, systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSlowness } from '../../slowness.ts';
import { HOST_IPV4, NODE_IPV4 } from '../node-fixture.ts';
import { type Arena, createArena, EVIL, GOOD, isRoot, type Measuring, outOfBounds, WELL } from './arena.ts';
import { FORGE, FRAMES, SNIFF } from './packets.ts';

/** Where machines of a cloud ask about themselves. */
const METADATA = '169.254.169.254';
/** Ends of the link between this machine and the node (RFC 3849). */
const OUTSIDE_IPV6 = '2001:db8:ffff::1';
const NODE_IPV6 = '2001:db8:ffff::2';
/** ARP, router and neighbour advertisement, an answer of DHCP: as `FRAMES` names them. */
const FORGED = ['arp', 'icmpv6 134', 'icmpv6 136', 'udp 67'];

// Namespaces and containers need root; without it arena.ts prints the reason.
describe.runIf(isRoot)('a sliver that listens in and lies about who it is', () => {
  const stack = new AsyncDisposableStack();
  let arena: Arena;
  let measuring: Measuring;
  beforeAll(async () => {
    arena = stack.use(await createArena('node-spoof'));
    measuring = stack.use(arena.startMeasuring());
  });
  afterAll(() => stack.disposeAsync());

  const onNode = async (...argv: string[]) =>
    (await systemRunner.run({ argv: [...inNamespace(arena.node.namespace), ...argv] })).stdout;
  /** What the node believes about its network: links with their addresses, routes, and who has which address where. */
  const beliefs = async () => {
    const parts = [['address'], ['route'], ['-6', 'route'], ['neighbour', 'show', 'nud', 'permanent']];
    return (await Promise.all(parts.map((words) => onNode('ip', ...words))))
      .join('')
      .replaceAll(/(valid|preferred)_lft \S+/g, '');
  };
  const ping = async (from: string, to: string) =>
    (await arena.caller.exec(from, ['ping', '-c1', '-W2', '-n', to])).code;
  /** UDP that arrives at the world outside, by sender, while something goes on. */
  const arrivals = async (port: number, during: () => Promise<unknown>) => {
    const socket = createSocket('udp4');
    const seen = new Set<string>();
    socket.on('message', (message, { address }) => seen.add(`${message} from ${address}`));
    socket.bind(port, HOST_IPV4);
    await once(socket, 'listening');
    await during();
    await delay(200);
    socket.close();
    return [...seen].sort();
  };

  /** Says of others' addresses that they are its own, in every way that there is. */
  const forgeAll = async (slice: string) => {
    const forge = (...what: readonly string[]) => arena.caller.exec(slice, ['perl', '-e', FORGE, ...what]);
    for (const address of [String(arena.good.ipv4), '169.254.1.1', HOST_IPV4, NODE_IPV4]) await forge('arp', address);
    for (const address of [String(arena.good.ipv6), 'fe80::1', 'fd00:db8:0:1::1']) await forge('na', address);
    await forge('ra', 'fe80::2');
    await forge('dhcp', '0.0.0.0');
  };
  /** Kinds of frames that come to a sliver, or leave it, while something goes on. */
  const framesAt = async (slice: string, during: () => Promise<unknown>) => {
    const shell = (script: string) => arena.caller.exec(slice, ['bash', '-c', script, 'sh', FRAMES]);
    await shell(
      'perl -e "$1" >/tmp/frames 2>&1 & echo $! >/tmp/pid; until grep -q ready /tmp/frames; do sleep 0.1; done',
    );
    await during();
    return (await shell('kill $(cat /tmp/pid); cat /tmp/frames')).stdout.trim().split('\n');
  };
  const linkOf = ({ ipv4 }: { readonly ipv4: string | null }) =>
    `pl${arena.node.tag.slice(0, 4)}-${ipv4?.split('.')[3]}`;
  const tryFor = (host: string, port: number) =>
    `timeout 3 bash -c 'exec 3<>/dev/tcp/${host}/${port} && echo reached' 2>/dev/null; true`;

  it('sees with a raw socket its own packets only', async () => {
    const listening = arena.perl(SNIFF, '2');
    await delay(500);
    await Promise.all([
      ping(GOOD, HOST_IPV4),
      ping(GOOD, arena.evil.ipv6 === null ? HOST_IPV4 : 'fd00:db8:0:1::1'),
      arena.attack(`ping -c2 -i0.2 -n ${HOST_IPV4}`),
      arena.neighbour(),
    ]);
    const seen = (await listening).stdout.trim().split('\n');
    expect(seen).toContain(`${arena.evil.ipv4} > ${HOST_IPV4}`);
    expect(seen.filter((pair) => pair.includes(arena.good.ipv4 ?? 'none') || pair.includes(NODE_IPV4))).toEqual([]);
  });

  it('sends nothing into the world under an address that is not its own', async () => {
    const send = (address: string, text: string) =>
      `ip address replace ${address}/32 dev lo; perl -MSocket -e 'socket(S, PF_INET, SOCK_DGRAM, 17); bind(S, sockaddr_in(0, inet_aton("${address}"))) or die $!; send(S, "${text}", 0, sockaddr_in(9999, inet_aton("${HOST_IPV4}")))'; ip address delete ${address}/32 dev lo`;
    const seen = await arrivals(9999, async () => {
      for (const address of [arena.good.ipv4, NODE_IPV4, '203.0.113.9', '100.96.0.77']) {
        await arena.attack(send(String(address), 'forged'));
      }
      await arena.perl(FORGE, 'udp', String(arena.good.ipv4), HOST_IPV4, '9999');
      await arena.perl(FORGE, 'udp', '203.0.113.10', HOST_IPV4, '9999');
      await arena.attack(`echo -n honest > /dev/udp/${HOST_IPV4}/9999`);
    });
    expect(seen).toEqual([`honest from ${NODE_IPV4}`]);
  });

  it('reaches no neighbour by IPv6 under an address that is not its own', async () => {
    const listen = `use Socket; socket(S, PF_INET6, SOCK_DGRAM, 17); bind(S, pack_sockaddr_in6(9998, Socket::IN6ADDR_ANY)); $SIG{ALRM} = sub { exit }; alarm 3;
      $| = 1; while (recv(S, $m, 100, 0)) { print "$m\\n" }`;
    const heard = arena.caller.exec(GOOD, ['perl', '-e', listen]);
    await delay(700);
    await arena.attack(`
      ip -6 address add fd00:db8:0:1::77/128 dev eth0 nodad; echo -n x > /dev/null
      for from in fd00:db8:0:1::77 fd00:db8:0:1::1 2001:db8::1; do
        ip -6 address replace $from/128 dev lo nodad
        perl -MSocket -e 'socket(S, PF_INET6, SOCK_DGRAM, 17); bind(S, pack_sockaddr_in6(0, Socket::inet_pton(AF_INET6, shift))) or die; send(S, "forged", 0, pack_sockaddr_in6(9998, Socket::inet_pton(AF_INET6, shift)))' $from ${arena.good.ipv6}
      done
      perl -MSocket -e 'socket(S, PF_INET6, SOCK_DGRAM, 17); send(S, "honest", 0, pack_sockaddr_in6(9998, Socket::inet_pton(AF_INET6, shift)))' ${arena.good.ipv6}`);
    expect((await heard).stdout).toBe('honest\n');
  });

  it('changes nothing outside by forged ARP, neighbour and router advertisements, addresses and routes of its own', async () => {
    const before = await beliefs();
    const frames = await framesAt(GOOD, async () => {
      await forgeAll(EVIL);
      expect(await ping(GOOD, HOST_IPV4)).toBe(0);
    });
    expect(frames, 'its own answers').toContain('in icmp 0');
    expect(frames.filter((frame) => FORGED.some((kind) => frame.endsWith(kind)))).toEqual([]);
    await arena.attack(
      `ip address add ${HOST_IPV4}/30 dev eth0; ip address add ${arena.good.ipv4}/32 dev eth0; ip route add 198.51.100.0/24 dev eth0; ip route add blackhole 192.0.2.0/24`,
    );
    expect(await beliefs()).toBe(before);
    expect(await onNode('ip', 'neighbour', 'show', 'to', HOST_IPV4)).toContain('dev eth-node');
    expect(await ping(GOOD, HOST_IPV4)).toBe(0);
    expect(await arena.neighbour()).toEqual(WELL);
    await arena.attack(
      `ip address delete ${HOST_IPV4}/30 dev eth0; ip address delete ${arena.good.ipv4}/32 dev eth0; ip route delete 198.51.100.0/24`,
    );
  });

  it('would be seen by a neighbour who shared its link: each kind of forged frame is', async () => {
    const frames = await framesAt(EVIL, () => forgeAll(EVIL));
    expect(frames).toEqual(expect.arrayContaining(FORGED.map((kind) => `out ${kind}`)));
  });

  it('loses only itself when it takes another hardware address', async () => {
    await arena.attack('ip link set dev eth0 address 02:00:00:00:00:01');
    expect(await ping(GOOD, '169.254.1.1')).toBe(0);
    expect(await ping(GOOD, HOST_IPV4)).toBe(0);
    await arena.attack('ip link set dev eth0 address 02:00:00:00:00:02');
    await expect.poll(() => ping('test_evil', HOST_IPV4)).toBe(0);
  });

  it('reaches neither the node’s own services, nor link-local metadata, nor a neighbour’s private address', async () => {
    await using services = new AsyncDisposableStack();
    const server = createServer((socket) => socket.on('error', () => {}).end('world'));
    services.defer(() => void server.close());
    server.listen(9997); // of the world, at whatever address
    await once(server, 'listening');
    const ip = (...words: [string, ...string[]]) => systemRunner.run({ argv: ['ip', ...words] });
    await ip('address', 'add', `${METADATA}/32`, 'dev', 'pltest-host');
    await ip('address', 'add', `${OUTSIDE_IPV6}/64`, 'dev', 'pltest-host', 'nodad');
    await onNode('ip', 'address', 'add', `${NODE_IPV6}/64`, 'dev', 'eth-node', 'nodad');
    await onNode('ip', 'address', 'add', 'fd00:db8:0:1::1/128', 'dev', 'lo');
    const [program, ...args] = inNamespace(arena.node.namespace);
    const own = `require('node:net').createServer((socket) => socket.on('error', () => {}).end('node')).listen(7444, '::')`;
    const service = spawn(program, [...args, process.execPath, '-e', own], { stdio: 'ignore' });
    services.defer(() => void service.kill());

    const fromNode = async (host: string, port: number) => (await onNode('bash', '-c', tryFor(host, port))).trim();
    const outside = async (host: string, port: number) =>
      (await systemRunner.run({ argv: ['bash', '-c', tryFor(host, port)] })).stdout.trim();
    const reach = async (host: string, port: number) => (await arena.attack(tryFor(host, port))).stdout.trim();
    const there = { timeout: withSlowness(30_000) };
    for (const [host, port] of [
      [NODE_IPV4, 7443],
      [NODE_IPV4, 2222],
      [NODE_IPV4, 7444],
      [NODE_IPV6, 7444],
    ] as const) {
      await expect
        .poll(() => outside(host, port), { ...there, message: `${host} ${port} from outside` })
        .toBe('reached');
    }
    for (const host of [`fe80::1%${linkOf(arena.evil)}`, 'fd00:db8:0:1::1', '169.254.1.1']) {
      await expect.poll(() => fromNode(host, 7444), { ...there, message: `${host} on the node` }).toBe('reached');
    }
    await expect.poll(() => fromNode(METADATA, 9997), { ...there, message: 'metadata for the node' }).toBe('reached');
    expect(await reach(HOST_IPV4, 9997), 'the world').toBe('reached');

    await arena.attack(`ip route replace ${METADATA} via 169.254.1.1 dev eth0 onlink`);
    const nodes = [NODE_IPV4, NODE_IPV6, '169.254.1.1', 'fe80::1%eth0', 'fd00:db8:0:1::1'];
    const closed = nodes.flatMap((host) => [reach(host, 7443), reach(host, 2222), reach(host, 7444)]);
    closed.push(reach(METADATA, 9997), reach(String(arena.good.ipv4), 8080));
    expect((await Promise.all(closed)).filter((said) => said !== '')).toEqual([]);
    const pinged = await arena.attack(`ping -c1 -W2 -n ${METADATA}`);
    expect(pinged.stdout).toContain('Packet filtered');
    expect(await ping(EVIL, String(arena.good.ipv4))).not.toBe(0);
  });

  it('cannot make others forget where their gateway is by filling the kernel’s table of neighbours', async () => {
    const fill =
      arena.attack(`ip link add v0 type veth peer name v1; ip link set v0 up; ip link set v1 up; ip address add 10.0.0.1/8 dev v0
      echo 100000 > /proc/sys/net/ipv4/neigh/v0/mcast_solicit
      timeout 10 perl -MSocket -MFcntl -e 'for $i (1..3000) { if ($i % 100 == 1) { socket($s[$i], PF_INET, SOCK_DGRAM, 17); $S = $s[$i]; fcntl($S, F_SETFL, O_NONBLOCK) } send($S, "x", 0, sockaddr_in(9, inet_aton("10.1." . int($i / 250) . "." . ($i % 250 + 1)))) }'
      sleep 2; ip -4 neighbour show dev v0 | wc -l; ip link delete v0`);
    const flood = arena.perl(FORGE, 'ns-flood', 'fe80::1');
    const others = (async () => {
      await delay(1_200);
      const to = ['169.254.1.1', HOST_IPV4, 'fd00:db8:0:1::1'];
      return Promise.all(to.map((address) => arena.caller.exec(GOOD, ['ping', '-c1', '-W2', '-n', address])));
    })();
    const measured = await arena.measure(Promise.all([fill, flood]));
    expect(outOfBounds(measured)).toEqual([]);
    expect(Number(measured.result[0].stdout), 'the attack is real').toBeGreaterThan(500);
    const [gateway, world] = await others;
    expect(gateway?.code).toBe(0);
    expect(world?.code).toBe(0);
    const link = `pl${arena.node.tag.slice(0, 4)}-2`;
    const remembered = await onNode('ip', '-6', 'neighbour', 'show', 'dev', link);
    expect(remembered.split('\n').length, 'what the node remembers of forged questions').toBeLessThan(60);
  });

  it('gains nothing by fragments and options', async () => {
    const big = await arena.attack(`ping -c2 -i0.2 -W2 -s 4000 -n ${HOST_IPV4}`);
    expect(big.code, 'fragments pass').toBe(0);
    await arena.attack(`ping -c1 -W1 -R -n ${HOST_IPV4}; ping -c1 -W1 -T tsonly -n ${HOST_IPV4}`);
    // the beginning of a connection to the node's API, cut so that its ports are in a fragment of their own
    await arena.perl(FORGE, 'fragments', String(arena.evil.ipv4), NODE_IPV4, '7443');
    expect(await arena.neighbour()).toEqual(WELL);
    expect((await arena.caller.client.getNode({})).name).toBe(arena.node.name);
  });

  it('has by all of this kept neither its neighbour nor the node’s API from being served', async () => {
    expect(outOfBounds(await measuring.end())).toEqual([]);
    expect(await arena.neighbour()).toEqual(WELL);
  });
});
