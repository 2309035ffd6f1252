import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { namespacePath, withNetworkNamespace } from '@planetlab/linux';
import { SliceName } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOST_IPV4 } from '../node-fixture.ts';
import { sliverCgroup } from '../sliver-cgroup.ts';
import { type Arena, createArena, EVIL, GOOD, isRoot, outOfBounds, WELL } from './arena.ts';

const MIB = 1024 * 1024;
/** What the fixture gives each sliver. */
const PROCESSES = 64;
const MEMORY_MIB = 64;
const DISK_MIB = 100;

// Namespaces and containers need root; without it arena.ts prints the reason.
describe.runIf(isRoot)('a sliver that takes all it can get', () => {
  const stack = new AsyncDisposableStack();
  let arena: Arena;
  beforeAll(async () => {
    arena = stack.use(await createArena('node-starve'));
  });
  afterAll(() => stack.disposeAsync());

  /** Attacks, and shows that everybody else is served meanwhile and well afterwards. */
  const withstand = async <T>(attack: Promise<T>): Promise<T> => {
    const measured = await arena.measure(attack);
    expect(outOfBounds(measured)).toEqual([]);
    expect(await arena.neighbour()).toEqual(WELL);
    const { state } = await arena.caller.client.getSliver({ params: { slice: EVIL } });
    expect(state, 'the attacker itself goes on').toBe('running');
    return measured.result;
  };
  const cgroup = () => sliverCgroup(arena.node.tag, EVIL);
  /** The highest of a value while something goes on. */
  const highest = async (during: Promise<unknown>, read: () => number): Promise<number> => {
    let [most, over] = [0, false];
    const end = during.finally(() => {
      over = true;
    });
    while (!over) {
      most = Math.max(most, read() || 0);
      await delay(20);
    }
    await end;
    return most;
  };

  it('has no more processes than its limit with a fork bomb', async () => {
    const bomb = arena.perl('my $end = time + 3; while (time < $end) { fork } exit 0');
    const most = highest(bomb, () => cgroup().processes());
    await withstand(bomb);
    expect(await most).toBeLessThanOrEqual(PROCESSES);
    await expect.poll(() => cgroup().processes()).toBeLessThan(10);
  });

  it('has no more memory than its limit, be it anonymous, files in memory, or cache', async () => {
    // in mounts of their own, that go with them: files in memory that stay leave too little for a program that removes them
    const bombs = [
      'tail /dev/zero',
      'mount -t tmpfs -o size=2G t /dev/shm; dd if=/dev/zero of=/dev/shm/x bs=1M count=200',
      'mkdir -p /big; mount -t tmpfs -o size=2G t /big; dd if=/dev/zero of=/big/x bs=1M count=500',
      'dd if=/dev/zero of=/root/x bs=1M count=90; cat /root/x /root/x >/dev/null',
      'mkdir -p /many; mount -t tmpfs -o nr_inodes=0 t /many; cd /many; perl -e \'for (1..2000000) { open F, ">", $_ or last }\'',
    ].map((script) =>
      arena.attack(`timeout 4 unshare -m sh -c ${JSON.stringify(script).replaceAll('$', '\\$')} 2>/dev/null`),
    );
    const all = Promise.all(bombs);
    const most = highest(all, () => cgroup().memoryBytes() / MIB);
    await withstand(all);
    expect(await most, 'the attack is real').toBeGreaterThan(MEMORY_MIB / 2);
    expect(await most).toBeLessThanOrEqual(MEMORY_MIB + 1);
    expect((await arena.attack('rm -f /root/x')).code).toBe(0);
  });

  it('has no more bytes and no more files on disk than its limit, and others can write', async () => {
    const bomb =
      arena.attack(`mkdir /fill; cd /fill; dd if=/dev/zero of=big bs=1M count=${3 * DISK_MIB} 2>&1 | grep 'No space'
      ls -l big | cut -d' ' -f5; rm big; n=0; while [ $n -lt 20000 ] && : > $n; do n=$((n + 1)); done 2>/dev/null; echo $n`);
    const ended = await withstand(bomb);
    expect(ended).toMatchObject({ stderr: '', code: 0 });
    const [refused, bytes, files] = ended.stdout.trim().split('\n');
    expect(refused).toContain('No space left on device');
    expect(Number(bytes) / MIB, 'the attack is real').toBeGreaterThan(DISK_MIB / 2);
    expect(Number(bytes) / MIB).toBeLessThan(DISK_MIB);
    expect(Number(files), 'the attack is real').toBeGreaterThan(1_000);
    const { disk } = await arena.caller.client.getUsage({ params: { slice: SliceName.parse(EVIL) } });
    expect(disk.files).toBe(disk.filesLimit);
    const other = await arena.caller.exec(GOOD, [
      'sh',
      '-c',
      'dd if=/dev/zero of=/mine bs=1M count=10 2>&1 && rm /mine',
    ]);
    expect(other).toMatchObject({ code: 0 });
    await arena.attack('rm -rf /fill');
  });

  it('is held back by those who do not read what it writes, and costs the manager no memory', async () => {
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => arena.caller.open(EVIL, { argv: ['yes', 'x'.repeat(1000)] })),
    );
    await withstand(delay(3_000));
    for (const stream of streams) stream.close();
    await expect.poll(() => cgroup().processes()).toBeLessThan(10);
  });

  it('is refused more programs through the API than can be served, by a clear error, and gets them again later', async () => {
    const one = () =>
      arena.caller.exec(EVIL, ['sleep', '3']).then(
        ({ code }) => String(code),
        (error: { code?: string }) => String(error.code),
      );
    const ends = await withstand(Promise.all(Array.from({ length: 150 }, one)));
    expect(ends.filter((end) => end === 'too_many_requests').length).toBeGreaterThanOrEqual(150 - 32);
    expect((await arena.attack('echo again')).stdout).toBe('again\n');
  });

  it('fills neither the table of flows nor a neighbour’s share of it', async () => {
    const flood = arena.perl(
      `use Socket; socket(S, PF_INET, SOCK_DGRAM, 17); my $end = time + 3; my $a = inet_aton("${HOST_IPV4}"); my $n = 0;
       while (time < $end) { for (1..200) { send(S, "x", 0, sockaddr_in(1024 + $n++ % 60000, $a)) } select undef, undef, undef, 0.002 } print $n`,
    );
    const count = () =>
      withNetworkNamespace(namespacePath(arena.node.namespace), () =>
        Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'utf8')),
      );
    const most = highest(flood, count);
    const connects = (async () => {
      await delay(1_500); // when the attacker has had what it gets
      return arena.caller.exec(GOOD, ['ping', '-c3', '-i0.2', '-W2', '-n', HOST_IPV4]);
    })();
    const sent = Number((await withstand(flood)).stdout);
    expect(sent).toBeGreaterThan(5_000);
    expect(await most, 'the attack is real').toBeGreaterThan(4_000);
    expect(await most, 'and its flows are no more than one sliver may have').toBeLessThan(4_500);
    expect((await connects).stdout).toContain(' 0% packet loss');
  });

  it('may listen at 10,000 ports', async () => {
    const listen = arena.attack(
      `ulimit -n 12000; perl -MSocket -e 'for (1..10000) { socket($s[$_], PF_INET, SOCK_STREAM, 6); bind($s[$_], sockaddr_in(20000 + $_, INADDR_ANY)) && listen($s[$_], 5) && $n++ } print $n; sleep 1'`,
    );
    expect((await withstand(listen)).stdout).toBe('10000');
  });

  it('uses up no terminals, open files, namespaces or watches that others need', async () => {
    const many = (words: string) => `my $n = 0; while ($n < 6000) { ${words} or last; $n++ } print $n; sleep 2`;
    const inotify = process.arch === 'arm64' ? 26 : 294;
    const takes = Promise.all([
      arena.attack(
        `ulimit -n 8000; perl -e 'open($f[$n], "+<", "/dev/ptmx") or last while $n++ < 6000; print $n; sleep 2'`,
      ),
      arena.attack(`ulimit -n 20000; perl -e '${many('open($f[$n], "<", "/dev/null")')}'`),
      arena.attack(`ulimit -n 8000; perl -e '${many(`($r = syscall(${inotify}, 0)) >= 0`)}'`),
      arena.attack(
        'mkdir -p /n; n=0; while [ $n -lt 700 ]; do : > /n/$n; unshare --uts=/n/$n true || break; n=$((n+1)); done; echo $n',
      ),
    ]);
    const others = (async () => {
      await delay(1_500);
      const terminal = { rows: 24, columns: 80 };
      const tries = [
        'tty',
        'unshare -u true && echo ok',
        `perl -e 'print syscall(${inotify}, 0) >= 0 ? "ok" : "none"'`,
      ];
      return Promise.all(tries.map((script) => arena.caller.exec(GOOD, ['sh', '-c', script], { terminal })));
    })();
    const [terminals, files, watches, namespaces] = await withstand(takes);
    expect(Number(terminals.stdout) + Number(files.stdout), 'the attack is real').toBeGreaterThan(1000);
    expect(Number(watches.stdout)).toBeLessThanOrEqual(256);
    expect(Number(namespaces.stdout)).toBeLessThanOrEqual(512);
    expect((await others).map(({ stdout }) => stdout.trim())).toEqual([
      expect.stringContaining('/dev/pts/'),
      'ok',
      'ok',
    ]);
    await arena.attack('umount -l /n/*');
  });
});
