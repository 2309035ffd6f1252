import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { isAlive, listPids, systemRunner } from '@planetlab/linux';
import { SliceName } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeNode } from './describe-node.ts';
import { leaseFor, NODE_IPV4, untilState } from './node-fixture.ts';
import { sliverCgroup, sshCgroup } from './sliver-cgroup.ts';

const PORT = 2222;
const NODE = { name: 'node-ssh', config: { sshListen: `${NODE_IPV4}:${PORT}` } };

const commandLine = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return ''; // it has ended
  }
};

describeNode('logging in to slivers with OpenSSH', NODE, (world) => {
  let folder = '';
  const publicKeys = new Map<string, string>();

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-test-ssh-'));
    for (const who of ['ada', 'eve']) {
      await systemRunner.run({
        argv: ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', who, '-f', join(folder, who)],
      });
      publicKeys.set(who, readFileSync(join(folder, `${who}.pub`), 'utf8').trim());
    }
    const keys = [publicKeys.get('ada') ?? ''];
    await world.caller.client.requestLease({ body: leaseFor('test_login', { keys }) });
    await untilState(world.caller.client, 'test_login', 'running');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** One of OpenSSH's programs, with a key. */
  async function openssh(program: 'ssh' | 'scp', who: string, args: readonly string[], input = '') {
    const options = [
      ...['BatchMode=yes', 'StrictHostKeyChecking=no', `UserKnownHostsFile=${folder}/known`, 'LogLevel=ERROR'],
      ...[`Port=${PORT}`, `IdentityFile=${join(folder, who)}`, 'IdentitiesOnly=yes'],
    ];
    const child = spawn(program, ['-F', 'none', ...options.flatMap((each) => ['-o', each]), ...args], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm' },
    });
    const collect = async (stream: AsyncIterable<unknown>) => {
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      return text;
    };
    child.stdin.end(input);
    const [stdout, stderr, [code]] = await Promise.all([
      collect(child.stdout),
      collect(child.stderr),
      once(child, 'close'),
    ]);
    return { stdout, stderr, code: Number(code) };
  }
  const ssh = (who: string, slice: string, args: readonly string[], input = '') =>
    openssh('ssh', who, [`${slice}@${NODE_IPV4}`, ...args], input);
  const eventuallySsh = (who: string, slice: string, args: readonly string[]) =>
    expect.poll(async () => (await ssh(who, slice, args)).code, { timeout: 10_000 });

  it('runs a command as root of the sliver and gives its output and exit status', async () => {
    await eventuallySsh('ada', 'test_login', ['true']).toBe(0);
    const result = await ssh('ada', 'test_login', [
      'id -un; hostname; pwd; echo "$PLANETLAB_SLICE"; echo oops >&2; exit 42',
    ]);
    expect(result).toEqual({ stdout: 'root\nnode-ssh\n/root\ntest_login\n', stderr: 'oops\n', code: 42 });
  });

  it('gives a program three descriptors, and none of the node’s', async () => {
    expect((await ssh('ada', 'test_login', ['ls /proc/self/fd'])).stdout).toBe('0\n1\n2\n3\n');
  });

  it('passes standard input, and quotes nothing away', async () => {
    const result = await ssh('ada', 'test_login', [`cat; printf '%s' "a  b'c"`], 'some input\n');
    expect(result.stdout).toBe("some input\na  b'c");
  });

  it('gives a terminal to whoever has one', async () => {
    const result = await ssh('ada', 'test_login', ['tty']);
    expect(result.stdout).toContain('not a tty');
    const child = await systemRunner.run({
      argv: [
        'script',
        '-qec',
        `ssh -F none -tt -p ${PORT} -i ${join(folder, 'ada')} -o StrictHostKeyChecking=no -o UserKnownHostsFile=${folder}/known test_login@${NODE_IPV4} tty`,
        '/dev/null',
      ],
    });
    expect(child.stdout).toContain('/dev/pts/');
  });

  it('opens a shell', async () => {
    const result = await ssh('ada', 'test_login', [], 'echo $((6 * 7)); exit 3\n');
    expect(result.stdout).toContain('42');
    expect(result.code).toBe(3);
  });

  it('copies files in and out, by a server that runs in the sliver', async () => {
    const [here, there] = [join(folder, 'here'), `test_login@${NODE_IPV4}:/root/there`];
    writeFileSync(here, 'some\0bytes');
    expect(await openssh('scp', 'ada', [here, there])).toEqual({ stdout: '', stderr: '', code: 0 });
    expect((await ssh('ada', 'test_login', ['cat /root/there'])).stdout).toBe('some\0bytes');
    expect((await openssh('scp', 'ada', [there, join(folder, 'back')])).code).toBe(0);
    expect(readFileSync(join(folder, 'back'), 'utf8')).toBe('some\0bytes');
    const outside = await openssh('scp', 'ada', [`test_login@${NODE_IPV4}:${here}`, join(folder, 'stolen')]);
    expect(outside.stderr).toContain('No such file or directory');
    expect((await openssh('scp', 'eve', [here, there])).code).toBe(255);
  });

  it('follows links in what it copies within the sliver only', async () => {
    const [here, outside, planted] = [join(folder, 'sent'), join(folder, 'outside'), '/etc/planetlab-test-planted'];
    writeFileSync(here, 'sent');
    writeFileSync(outside, 'of the host', { mode: 0o666 });
    const made = `cd /root; ln -s /etc/passwd accounts; ln -s ${outside} out; ln -s ${planted} in; cat /etc/passwd`;
    const { stdout: accounts } = await ssh('ada', 'test_login', [made]);
    const there = (name: string) => `test_login@${NODE_IPV4}:/root/${name}`;
    const back = join(folder, 'accounts');
    expect((await openssh('scp', 'ada', [there('accounts'), back])).code).toBe(0);
    expect(readFileSync(back, 'utf8')).toBe(accounts);
    expect(accounts).not.toBe(readFileSync('/etc/passwd', 'utf8'));
    expect((await openssh('scp', 'ada', [there('out'), back])).stderr).toContain('No such file or directory');
    expect((await openssh('scp', 'ada', [here, there('out')])).code).not.toBe(0);
    expect(readFileSync(outside, 'utf8')).toBe('of the host');
    expect((await openssh('scp', 'ada', [here, there('in')])).code).toBe(0);
    expect((await ssh('ada', 'test_login', [`cat ${planted}`])).stdout).toBe('sent');
    expect(existsSync(planted)).toBe(false);
  });

  it('costs the node no more than is set aside for sshd and all logins together', async () => {
    const cgroup = sshCgroup(world.node.tag);
    expect(cgroup.memoryLimitBytes()).toBeLessThanOrEqual(Math.max(totalmem() / 16, 2 ** 28));
    expect(cgroup.processLimit()).toBe(4096);
    const before = cgroup.pids();
    const { pid } = JSON.parse(readFileSync(join('/run/planetlab', world.node.tag, 'ssh', 'sshd.json'), 'utf8'));
    expect(before).toContain(pid);
    const login = ssh('ada', 'test_login', ['echo $$; exec sleep 2']);
    await expect.poll(() => cgroup.processes()).toBeGreaterThan(before.length + 1);
    expect(cgroup.pids().filter((each) => sliverCgroup(world.node.tag, 'test_login').pids().includes(each))).toEqual(
      [],
    );
    expect((await login).code).toBe(0);
    await expect.poll(() => cgroup.processes()).toBe(1);
  });

  it('refuses a foreign key, an unknown sliver and the host’s own accounts', async () => {
    for (const [who, slice] of [
      ['eve', 'test_login'],
      ['ada', 'test_nobody'],
      ['ada', 'root'],
    ] as const) {
      const { code, stderr } = await ssh(who, slice, ['true']);
      expect({ slice, code }).toEqual({ slice, code: 255 });
      expect(stderr).toContain('Permission denied');
    }
  });

  it('lets new people in and old ones not any more, without a restart', async () => {
    const slice = SliceName.parse('test_login');
    const access = (who: string) => [{ person: `${who}@example.org`, key: publicKeys.get(who) ?? '' }];
    await world.caller.client.setAccess({ params: { slice }, body: { keys: access('eve') } });
    await eventuallySsh('eve', 'test_login', ['true']).toBe(0);
    expect((await ssh('ada', 'test_login', ['true'])).code).toBe(255);
    await world.caller.client.setAccess({ params: { slice }, body: { keys: [...access('ada'), ...access('eve')] } });
    await eventuallySsh('ada', 'test_login', ['true']).toBe(0);
  });

  it('has logins outlive the manager, and what a runtime that was killed in one has left is removed', async () => {
    const record = join('/run/planetlab', world.node.tag, 'ssh', 'sshd.json');
    const before = JSON.parse(readFileSync(record, 'utf8'));
    await world.node.stop('SIGKILL');
    expect((await ssh('ada', 'test_login', ['echo still here'])).stdout).toBe('still here\n');
    const copies = join('/run/planetlab', world.node.tag, 'ssh', 'copies');
    const left = join(copies, 'crun.AbCdEf');
    writeFileSync(left, '');
    await systemRunner.run({ argv: ['mount', '--bind', '/bin/true', left] });
    await world.start();
    expect(readdirSync(copies)).toEqual([]);
    expect(JSON.parse(readFileSync(record, 'utf8'))).toEqual(before);
    expect(isAlive(before.pid, before.startTime)).toBe(true);
  });

  it('has no sshd that nobody knows: a manager that is killed before it has written down which one it started leaves none', async () => {
    const folder = join('/run/planetlab', world.node.tag, 'ssh');
    const config = join(world.node.stateDir, 'ssh', 'sshd_config');
    const started = () => listPids().filter((pid) => commandLine(pid).includes(config));
    await world.node.stop('SIGKILL');
    process.kill(JSON.parse(readFileSync(join(folder, 'sshd.json'), 'utf8')).pid, 'SIGKILL');
    await expect.poll(started).toEqual([]);
    // the next one stands still when it is to write it down: nobody reads from the pipe
    const written = join(folder, 'sshd.json.new');
    await systemRunner.run({ argv: ['mkfifo', written] });
    const starting = world.node.start({ uplinked: () => new Promise<never>(() => {}) });
    starting.catch(() => {}); // it is killed
    await expect.poll(() => started().length).toBe(1);
    await world.node.stop('SIGKILL');
    await expect.poll(started).toEqual([]);
    rmSync(written);
    await world.start();
    await eventuallySsh('ada', 'test_login', ['true']).toBe(0);
  });

  it('starts sshd again when it has ended, and leaves nothing of the sliver behind it', async () => {
    const folder = join('/run/planetlab', world.node.tag);
    const { pid } = JSON.parse(readFileSync(join(folder, 'ssh', 'sshd.json'), 'utf8'));
    process.kill(pid, 'SIGKILL');
    await world.node.stop('SIGTERM');
    await world.start();
    await eventuallySsh('ada', 'test_login', ['true']).toBe(0);
    // the new sshd's mount namespace began with copies of the sliver's mounts
    for (const { id } of (await world.caller.client.listLeases({})).items) {
      await world.caller.client.endLease({ params: { lease: id } });
    }
    await eventuallySsh('ada', 'test_login', ['true']).toBe(255);
    await expect.poll(() => readdirSync(join(folder, 'roots')), { timeout: 10_000 }).toEqual([]);
    const sshd = JSON.parse(readFileSync(join(folder, 'ssh', 'sshd.json'), 'utf8'));
    expect(readFileSync(`/proc/${sshd.pid}/mountinfo`, 'utf8')).not.toContain('test_login');
  });
});
