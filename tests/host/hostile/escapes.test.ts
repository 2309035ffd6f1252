import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCgroupHierarchies } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { untilState } from '../node-fixture.ts';
import { type Arena, createArena, EVIL, isRoot, type Measuring, outOfBounds, WELL } from './arena.ts';
import { importHostileImage } from './hostile-image.ts';
import { CALLS, callsFrom } from './system-calls.ts';

/** Number of ptrace(2). */
const PTRACE = { x64: 101, arm64: 117 };
const CONTROL = 'control';

const cgroupsOf = (path: string): readonly string[] =>
  readCgroupHierarchies()
    .map(({ mountPoint }) => join(mountPoint, path))
    .filter((folder) => existsSync(folder));

// Everything below runs as root inside a sliver. Namespaces and containers need root; the reason is printed above.
describe.runIf(isRoot)('root in a sliver that wants out', () => {
  const stack = new AsyncDisposableStack();
  let arena: Arena;
  let measuring: Measuring;
  beforeAll(async () => {
    arena = stack.use(await createArena('node-escape'));
    measuring = stack.use(arena.startMeasuring());
  });
  afterAll(() => stack.disposeAsync());

  /** Names of the attempts that succeeded: each line is a name and shell words that try it. The last one has to. */
  const succeeded = async (attempts: Readonly<Record<string, string>>): Promise<readonly string[]> => {
    const tried = Object.entries({ ...attempts, [CONTROL]: 'true' });
    const script = tried.map(([name, words]) => `( ${words} ) >/dev/null 2>&1 && echo '${name}'`);
    const { stdout } = await arena.attack(`mkdir -p /m; cd /\n${script.join('\n')}\ntrue`);
    const names = stdout.split('\n').filter(Boolean);
    expect(names.pop(), 'they were all tried').toBe(CONTROL);
    return names;
  };
  const hostSetting = (key: string) => readFileSync(`/proc/sys/${key}`, 'utf8');

  it('mounts no file system that shows or changes the host', async () => {
    const kinds = ['devtmpfs', 'debugfs', 'tracefs', 'securityfs', 'pstore', 'hugetlbfs', 'configfs', 'efivarfs'];
    const attempts = kinds.map((kind) => [kind, `mount -t ${kind} none /m && ls -A /m | grep -q .`]);
    const disk = 'for d in vda sda nvme0n1 loop0; do mknod /m/$d b 254 0 && mount /m/$d /m && exit 0; done; exit 1';
    expect(await succeeded({ ...Object.fromEntries(attempts), disk, loop: 'losetup -f' })).toEqual([]);
  });

  it('gets a fresh proc and sys whose host-wide parts it can neither write nor read secrets from', async () => {
    const fresh = (kind: string, words: string) =>
      `mount -t ${kind} ${kind} /m && { ${words}; }; r=$?; umount -l /m; exit $r`;
    expect(
      await succeeded({
        sysrq: fresh('proc', 'echo h > /m/sysrq-trigger'),
        kcore: fresh('proc', 'head -c 1 /m/kcore | grep -q .'),
        addresses: fresh('proc', "grep -v '^0000000000000000' /m/kallsyms | grep -q ."),
        keys: fresh('proc', 'grep -q . /m/keys'),
        irq: fresh('proc', 'echo 1 > /m/irq/default_smp_affinity'),
        hugepages: fresh('sysfs', 'echo never > /m/kernel/mm/transparent_hugepage/enabled'),
        uevent: fresh('sysfs', 'echo add > /m/class/mem/null/uevent'),
        remount: 'mount -o remount,rw /sys && echo 1 > /sys/kernel/profiling',
      }),
    ).toEqual([]);
  });

  it('finds hidden what tells of the whole host, and changes nothing of it also where it uncovers it', async () => {
    const uncovered = (path: string, words: string) => `unshare -m sh -c 'umount ${path}; ${words}'`;
    expect(
      await succeeded({
        kcore: 'head -c 1 /proc/kcore | grep -q .',
        timers: 'grep -q . /proc/timer_list',
        keys: 'grep -q . /proc/keys',
        firmware: 'ls -A /sys/firmware | grep -q .',
        sysrq: 'echo h > /proc/sysrq-trigger',
        irq: 'echo 1 > /proc/irq/default_smp_affinity',
        uncoveredKcore: uncovered('/proc/kcore', 'head -c 1 /proc/kcore | grep -q .'),
        uncoveredSysrq: uncovered('/proc/sysrq-trigger', 'echo h > /proc/sysrq-trigger'),
        uncoveredIrq: uncovered('/proc/irq', 'echo 1 > /proc/irq/default_smp_affinity'),
      }),
    ).toEqual([]);
  });

  it('changes no setting of the host’s kernel', async () => {
    const keys = [
      'kernel/core_pattern',
      'kernel/panic',
      'kernel/dmesg_restrict',
      'vm/overcommit_memory',
      'vm/drop_caches',
      'fs/file-max',
    ].concat([
      'net/netfilter/nf_conntrack_max',
      'kernel/modprobe',
      'kernel/sysrq',
      'user/max_user_namespaces',
      'fs/inotify/max_user_instances',
    ]);
    const readable = keys.filter((key) => existsSync(`/proc/sys/${key}`) && !key.includes('drop_caches'));
    const before = readable.map(hostSetting);
    const write = keys.map((key) => [key, `echo 1 > /proc/sys/${key}`]);
    expect(await succeeded({ ...Object.fromEntries(write), syscall: 'sysctl -w kernel.core_pattern="|/m/x"' })).toEqual(
      [],
    );
    expect(readable.map(hostSetting)).toEqual(before);
  });

  it('cannot leave or change its cgroup or make others, nor have the kernel run a program when one empties', async () => {
    // the kernel refuses the same file system twice on one place
    const on = (mount: string, words: string) => `umount -l /m 2>/dev/null; { ${mount}; } && { ${words}; }`;
    const unified = (words: string) => on('mount -t cgroup2 none /m', words);
    const inside = (words: string, controller = 'pids') =>
      on(`mount -t cgroup -o ${controller} none /m || mount -t cgroup2 none /m`, words);
    const name = 'n'.repeat(200);
    expect(
      await succeeded({
        seen: inside('grep -q . /m/cgroup.procs'), // else all others fail for want of something to attack
        limit: inside('echo max > /m/pids.max'),
        memory: inside('echo -1 > /m/memory.limit_in_bytes || echo max > /m/memory.max', 'memory'),
        child: inside('mkdir /m/evil'),
        unifiedChild: unified('mkdir /m/evil'),
        bound: unified('echo max > /m/cgroup.max.descendants'),
        // where no path leads, and where the kernel tells of no processes
        nested: unified(`cd /m; for i in {1..21}; do mkdir ${name} && cd -P ${name} || exit 1; done`),
        threaded: unified('mkdir -p /m/evil; echo threaded > /m/evil/cgroup.type'),
        agent: inside('echo /m/x > /m/release_agent'),
        notify: inside('echo 1 > /m/notify_on_release'),
        own: 'umount -l /sys/fs/cgroup; echo max > /sys/fs/cgroup/pids/pids.max',
        hierarchy: 'mkdir -p /m2 && mount -t cgroup -o none,name=evil none /m2',
      }),
    ).toEqual(['seen']);
    for (const own of cgroupsOf(`planetlab/${arena.node.tag}/${EVIL}`))
      expect(readdirSync(own, { withFileTypes: true }).filter((each) => each.isDirectory())).toEqual([]);
  });

  it('is stopped whatever it has made of its cgroup', async () => {
    const { client } = arena.caller;
    await arena.attack(
      'umount -l /m; mount -t cgroup2 none /m && mkdir /m/evil; echo threaded > /m/evil/cgroup.type; umount -l /m',
    );
    const change = (stopped: string | null) =>
      client.changeLease({ params: { lease: arena.evil.leaseId }, body: { stopped } });
    await change('that is enough');
    await untilState(client, EVIL, 'stopped');
    await change(null);
    await untilState(client, EVIL, 'running');
  });

  it('makes no device, and opens none but the harmless ones', async () => {
    expect(
      await succeeded({
        block: 'mknod /x b 254 0',
        memory: 'mknod /x c 1 1',
        log: 'mknod /x c 1 11',
        tun: 'mknod /x c 10 200',
        onTmpfs: 'mount -t tmpfs t /m && mknod /m/x b 254 0',
        inNamespace: 'unshare -Urm sh -c "mknod /x b 254 0"',
        devMem: 'head -c 1 /dev/mem',
        devKmsg: 'head -c 1 /dev/kmsg',
        dmesg: 'dmesg',
        device: 'find / -xdev -type b | grep -q .',
      }),
    ).toEqual([]);
    const { stdout } = await arena.attack('find /dev -type c | sort');
    const usual = ['full', 'null', 'ptmx', 'pts/ptmx', 'random', 'tty', 'urandom', 'zero'].map(
      (name) => `/dev/${name}`,
    );
    expect(
      stdout.split('\n').filter((path) => path !== '' && !usual.includes(path) && !/^\/dev\/pts\/\d+$/.test(path)),
    ).toEqual([]);
  });

  it('sees and touches no process but its own', async () => {
    const { stdout } = await arena.attack('cat /proc/[0-9]*/cmdline | tr "\\0" " "');
    expect(stdout).not.toMatch(/node-manager|vitest|8080/);
    const { pid } = arena.node.process();
    expect(
      await succeeded({
        kill: `kill -0 ${pid}`,
        enterFirst: 'nsenter -t 1 -m -n -p ls /var/lib/planetlab',
        hostFiles: 'ls /proc/1/root/var/lib/planetlab',
        others: `ls /proc/${pid}/root`,
        trace: `perl -e 'exit(syscall(${PTRACE[process.arch === 'arm64' ? 'arm64' : 'x64']}, 16, ${pid}, 0, 0) == 0 ? 0 : 1)'`,
        join: `nsenter -t ${pid} -n true`,
        // whatever is to be seen in it and belongs to no sliver, such as the runtime while it enters
        joinSeen:
          'for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$(readlink /proc/self/ns/net)" ] && continue; nsenter --net=$p/ns/net true && exit 0; done; exit 1',
        // the namespaces of process 1 are the sliver's own: the same as ours
        foreign: '[ "$(readlink /proc/1/ns/user)" != "$(readlink /proc/self/ns/user)" ]',
      }),
    ).toEqual([]);
    expect(`user:[${statSync('/proc/self/ns/user').ino}]`).not.toBe(
      (await arena.attack('readlink -n /proc/1/ns/user')).stdout,
    );
  });

  it('is refused the system calls through which kernels are replaced, spied on or broken', async () => {
    const { stdout, stderr } = await arena.perl(callsFrom(process.arch));
    expect(stderr).toBe('');
    const refused = Object.keys(CALLS).map((name) => `${name} EPERM`);
    expect(stdout.trim().split('\n')).toEqual(refused);
  });

  it('gains nothing outside by user namespaces of its own making', async () => {
    expect(
      await succeeded({
        map: 'echo "0 0 4294967295" > /proc/self/uid_map',
        wideMap: 'unshare -U sh -c "echo 0 0 100000 > /proc/self/uid_map"',
        hostRoot: 'unshare -Urm --mount-proc sh -c "echo h > /proc/sysrq-trigger"',
        overInit: 'unshare -Urm sh -c "mount -o remount,rw,bind /.planetlab/init && echo x >> /.planetlab/init"',
        // any other answer than EPERM means that the kernel has looked at it
        module: `unshare -Ur perl -e 'use Errno; exit 0 if syscall(${CALLS['init_module']?.[process.arch === 'arm64' ? 'arm64' : 'x64']}, "x" x 10, 10, "") >= 0; exit($!{EPERM} ? 1 : 0)'`,
      }),
    ).toEqual([]);
    expect((await arena.attack('cat /proc/self/uid_map')).stdout.trim().split(/\s+/)).toEqual([
      '0',
      expect.any(String),
      '65536',
    ]);
  });

  it('writes to neither of the two files of the host that it sees', async () => {
    const init = readFileSync('/usr/bin/catatonit');
    expect(
      await succeeded({
        write: 'echo x >> /.planetlab/init',
        remount: 'mount -o remount,rw,bind /.planetlab/init; echo x >> /.planetlab/init',
        resolver: 'mount -o remount,rw,bind /etc/resolv.conf; echo x >> /etc/resolv.conf',
        owner: 'chown 0 /.planetlab/init',
        firstProcess: 'echo x >> /proc/1/exe',
      }),
    ).toEqual([]);
    expect(readFileSync('/usr/bin/catatonit').equals(init)).toBe(true);
  });

  it('has files that belong outside to ids of its own, set-uid programs included', async () => {
    await arena.attack(
      'cp /bin/sh /root/su; chmod 4755 /root/su; touch /root/mine; chown 1000:65535 /root/mine; chown 65536 /root/mine',
    );
    const outside = `/run/planetlab/${arena.node.tag}/roots/${EVIL}/root/root`;
    const first = Number((await arena.attack('cat /proc/self/uid_map')).stdout.trim().split(/\s+/)[1]);
    expect(statSync(join(outside, 'su'))).toMatchObject({ uid: first, gid: first });
    expect(statSync(join(outside, 'mine'))).toMatchObject({ uid: first + 1000, gid: first + 65_535 });
    expect(first).toBeGreaterThanOrEqual(300_000_000);
  });

  it('gets from an exec three pipes, no other descriptor, and no variable of the host', async () => {
    const list =
      'opendir D, "/proc/self/fd"; for (sort readdir D) { print "$_ ", readlink("/proc/self/fd/$_"), "\\n" if /\\d/ }';
    const lines = (await arena.perl(list)).stdout.trim().split('\n');
    const others = lines.filter((line) => !/^\d+ \/proc\/\d+\/fd$/.test(line)); // the folder that is being read
    expect(others.map((line) => line.replace(/\d+\]$/, '?]'))).toEqual(['0 pipe:[?]', '1 pipe:[?]', '2 pipe:[?]']);
    const { stdout: environment } = await arena.caller.exec(EVIL, ['env']);
    const names = environment
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .sort();
    expect(names).toEqual(['HOME', 'PATH', 'PLANETLAB_NODE', 'PLANETLAB_SLICE']);
  });

  it('is not let out by the words of an exec', async () => {
    const { caller } = arena;
    for (const argv of [
      ['--help'],
      ['--pid-file', '/x'],
      ['-'],
      [''],
      [`../../../..${process.execPath}`, '--version'], // of the host alone
      ['/proc/self/exe', '--version'],
    ]) {
      const { code, stdout } = await caller.exec(EVIL, argv);
      expect({ argv, code, stdout }, 'looked for as a program inside').toMatchObject({
        code: expect.toSatisfy((n: number) => n > 0),
      });
    }
    const descriptors = Array.from({ length: 20 }, (_, fd) => `/proc/self/fd/${fd}`);
    for (const workingDirectory of [...descriptors, '/proc/1/root/../..', '/../../..']) {
      const { stdout } = await caller
        .exec(EVIL, ['ls', '-A', '../../../../../..'], { workingDirectory })
        .catch(() => ({ stdout: '' }));
      expect(stdout, workingDirectory).not.toContain('work\n');
      if (stdout !== '') expect(stdout).toContain('.planetlab');
    }
    for (const argv of [['a\0b'], ['echo', 'x'.repeat(131_073)], Array.from({ length: 5000 }, () => 'x')]) {
      const ended = await caller.exec(EVIL, argv).then(
        ({ code }) => code,
        () => 'refused',
      );
      expect(ended).not.toBe(0);
    }
    const variables = { LD_PRELOAD: '/x.so', PATH: '/nowhere', NODE_OPTIONS: '--inspect', _CONTAINERS_ROOTLESS: '1' };
    expect((await caller.exec(EVIL, ['/bin/echo', 'hi'], { env: variables })).stdout).toBe('hi\n');
    expect(await arena.neighbour()).toEqual(WELL);
  });

  it('cannot overwrite the runtime that enters it', async () => {
    const runtime = ['/usr/bin/crun', '/usr/bin/runc'].filter((path) => existsSync(path));
    const digests = () => runtime.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex'));
    const before = digests();
    const watch =
      'for i in {1..150}; do for p in /proc/[0-9]*; do { echo x > $p/exe; } 2>/dev/null && echo wrote $p; done; done';
    const [watched] = await Promise.all([
      arena.attack(watch),
      ...Array.from({ length: 5 }, () => arena.caller.exec(EVIL, ['true'])),
    ]);
    expect(watched.stdout).toBe('');
    expect(digests()).toEqual(before);
  });

  it('makes the host’s handler of crashes see none of its own', async () => {
    const { stdout } = await arena.attack(
      'grep "core file size" /proc/self/limits; ulimit -c unlimited; kill -SEGV $$',
    );
    expect(stdout.trim().split(/\s{2,}/)).toEqual(['Max core file size', '1', '1', 'bytes']);
  });

  it('has by all of this kept neither its neighbour nor the node’s API from being served', async () => {
    expect(outOfBounds(await measuring.end())).toEqual([]);
    expect(await arena.neighbour()).toEqual(WELL);
  });
});

// Namespaces and containers need root; without it arena.ts prints the reason.
describe.runIf(isRoot)('an image that wants out', () => {
  it('is unpacked without a file outside of its tree, and its links lead nowhere when they are followed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'planetlab-test-'));
    const victim = join(folder, 'victim');
    try {
      writeFileSync(victim, 'untouched');
      const outcome = await importHostileImage(folder, victim);
      expect(outcome, 'some are unpacked').toMatch(/IMAGE/);
      expect(outcome, 'some are refused').toMatch(/no such file/);
      expect(readFileSync(victim, 'utf8'), outcome).toBe('untouched');
      expect(readdirSync(folder).sort()).toEqual(expect.not.arrayContaining(['escaped', 'by-hardlink', 'by-symlink']));
      expect(existsSync('/planetlab-escaped')).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
