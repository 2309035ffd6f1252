import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import {
  createRoutedVeth,
  deleteLink,
  isAlive,
  listLinks,
  mountsUnder,
  readCgroupHierarchies,
  systemRunner,
  timeSlice,
  unmountUnder,
} from '@planetlab/linux';
import { asMachineId, type MachineId, type MachineStatus, type Vmm } from '@planetlab/vmm';
import { describeVmmConformance } from '@planetlab/vmm/conformance';
import type { RuntimeName } from '@planetlab/vmm/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeBaseRoot, makeOciContext, type OciContext, whyNotRoot } from './vmm-machines.ts';

const reason = whyNotRoot();
if (reason !== undefined) console.warn(`skipped: OCI driver: ${reason}`);

const base = mkdtempSync(join(tmpdir(), 'planetlab-base-'));
const A = asMachineId('a');
const B = asMachineId('b');

// Containers need root; where there is none, the line above says so.
describe.skipIf(reason !== undefined)('the OCI driver', () => {
  beforeAll(() => makeBaseRoot(base));
  afterAll(() => rmSync(base, { recursive: true, force: true }));
  for (const runtime of ['crun', 'runc'] as const) {
    describeVmmConformance(`oci over ${runtime}`, () => makeOciContext(runtime, base));
    const context = () => makeOciContext(runtime, base);
    describe(`isolation by ${runtime}`, () => describeIsolation(context));
    describe(`limits by ${runtime}`, () => describeLimits(context));
    describe(`connections by ${runtime}`, () => describeConnections(context));
    describe(`hostile machines of ${runtime}`, () => describeHostile(context));
    describe(`what ${runtime} leaves behind`, () => describeRemains(context, runtime));
  }
});

type MakeOciContext = () => Promise<OciContext>;

function describeIsolation(context: MakeOciContext): void {
  it('shows root inside as nobody outside, and each machine as somebody else', async () => {
    await using c = await context();
    const [a, b] = [await start(c, A), await start(c, B)];
    expect(await sh(c.vmm, A, 'id -u; id -g; ls -dn /')).toMatch(/^0\n0\n\S+ +\S+ 0 0 /);
    const uids = [a, b].map(({ pid }) => /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    expect(uids).toEqual(['2000000', '2065536']);
  });

  it('writes to its own layer, as its own owner, and leaves the image as it is', async () => {
    await using c = await context();
    await start(c, A);
    await start(c, B);
    await sh(c.vmm, A, 'echo mine > /etc/mine; echo changed >> /etc/passwd');
    expect(statSync(join(c.rootOf(A), 'etc/mine')).uid).toBe(2_000_000);
    expect(readFileSync(join(base, 'etc/passwd'), 'utf8')).not.toContain('changed');
    expect(await sh(c.vmm, B, 'ls /etc/mine 2>&1; grep -c changed /etc/passwd')).toMatch(/No such file.*\n0\n$/);
  });

  it('has processes, hostname, IPC and network of its own', async () => {
    await using c = await context();
    await start(c, A);
    await start(c, B);
    expect(await sh(c.vmm, A, 'cat /proc/sys/kernel/hostname; head -c 4 /proc/1/comm')).toBe('host-a\ninit');
    expect(await sh(c.vmm, A, 'grep -c : /proc/net/dev')).toBe('1\n');
    const marker = await c.vmm.exec(B, { argv: ['sleep', '61.75'] });
    expect(await sh(c.vmm, A, 'cat /proc/[0-9]*/cmdline')).not.toContain('61.75');
    marker.kill();
    await Promise.all([marker.exit, text(marker.stdout), text(marker.stderr)]);
  });

  it('can mount a tmpfs inside, but neither load modules nor see the keys of the host', async () => {
    await using c = await context();
    await start(c, A);
    expect(await sh(c.vmm, A, 'mount -t tmpfs none /mnt && stat -f -c %T /mnt; cat /proc/keys')).toBe('tmpfs\n');
    expect(await sh(c.vmm, A, 'grep -E "^(Seccomp|NoNewPrivs):" /proc/self/status')).toMatch(/Seccomp:\t2/);
    expect(await sh(c.vmm, A, 'echo 1 > /proc/sys/kernel/panic || echo refused')).toContain('refused');
  });
}

function describeLimits(context: MakeOciContext): void {
  it('holds the memory limit by ending the program that exceeds it, and nothing else', async () => {
    await using c = await context();
    const { pid } = await start(c, A);
    const hog = await c.vmm.exec(A, { argv: ['tail', '/dev/zero'] });
    const [, , exit] = await Promise.all([text(hog.stdout), text(hog.stderr), hog.exit]);
    expect(exit.code).toBe(137);
    expect(await c.vmm.status(A)).toEqual({ id: A, state: 'running', pid });
    expect(await sh(c.vmm, A, 'echo still here')).toBe('still here\n');
  });

  it('leaves its programs no swap, whatever its memory is changed to', async () => {
    await using c = await context();
    await start(c, A);
    const inside = async () => {
      const files =
        'cat /sys/fs/cgroup/memory.swap.max /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null; true';
      return (await sh(c.vmm, A, files)).trim();
    };
    for (const memoryMiB of [128, 256, 64]) {
      const limits = { cpuShares: 1, memoryMiB, processes: 64 };
      await c.vmm.update(A, limits);
      expect(await c.vmm.hasLimits(A, limits)).toBe(true);
      expect(['0', String(memoryMiB * 2 ** 20), ''], 'the last where the kernel counts no swap').toContain(
        await inside(),
      );
    }
  });

  it('holds the limit of processes', async () => {
    await using c = await context();
    await start(c, A);
    await c.vmm.update(A, { cpuShares: 1, memoryMiB: 128, processes: 10 });
    const bomb = await c.vmm.exec(A, { argv: ['sh', '-c', 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 20 & done'] });
    let complaint = '';
    for await (const chunk of bomb.stderr) {
      complaint += String(chunk);
      if (/fork/i.test(complaint)) break; // not to the end: the sleeping ones hold the output open
    }
    expect(complaint).toMatch(/fork/i);
    expect((await c.vmm.stats(A)).processes).toBeLessThanOrEqual(10);
    await c.vmm.destroy(A);
  });

  it('gives programs of a prompt machine short turns, also those that are put into it, for as long as it is one', async () => {
    await using c = await context();
    const { pid } = await start(c, A);
    const own = timeSlice(pid ?? 0);
    if (own === undefined) return; // a kernel before 6.12
    const limits = { cpuShares: 1, memoryMiB: 128, processes: 64 };
    const inside = async () => Number(/slice +: +(\d+)/.exec(await sh(c.vmm, A, 'cat /proc/self/sched'))?.[1]) / 1000;
    await c.vmm.update(A, { ...limits, prompt: true });
    expect(timeSlice(pid ?? 0)).toBeLessThan(own);
    expect(await inside()).toBe(timeSlice(pid ?? 0));
    await c.vmm.update(A, limits);
    expect(await inside()).toBe(own);
  });
}

function describeConnections(context: MakeOciContext): void {
  it('gives its programs three pipes that can be opened by name, and no other descriptor', async () => {
    await using c = await context();
    await start(c, A);
    expect(await sh(c.vmm, A, 'echo out > /dev/stdout; ls /proc/self/fd')).toBe('out\n0\n1\n2\n3\n');
  });

  it('takes a network link by the pid of a created machine', async () => {
    await using c = await context();
    const { pid } = await c.vmm.create(await c.makeSpec(A));
    const hostName = `pltest${process.pid % 100_000}`;
    const veth = { pid: pid ?? 0, hostName, hostIpv4Gateway: '169.254.1.1', hostIpv6Gateway: 'fe80::1' };
    const addresses = { guestIpv4: '10.99.0.2', guestIpv6: 'fd99::2' };
    await createRoutedVeth({ ...veth, ...addresses });
    await createRoutedVeth({ ...veth, ...addresses });
    await c.vmm.start(A);
    expect(await sh(c.vmm, A, 'cat /proc/net/route /proc/net/if_inet6')).toMatch(/eth0\t00000000\t0101FEA9.*fd99/s);
    const { stdout } = await systemRunner.run({ argv: ['ping', '-c', '1', '-W', '2', '10.99.0.2'] });
    expect(stdout).toContain('1 received');
    await systemRunner.run({ argv: ['ping', '-6', '-c', '1', '-W', '2', 'fd99::2'] });
    await c.vmm.destroy(A);
    await delay(50);
    await deleteLink(hostName);
    expect(listLinks()).not.toContain(hostName);
  });
}

/** Root inside against what holds it. */
function describeHostile(context: MakeOciContext): void {
  it('holds the number of network namespaces, of which each has tables that nobody is charged for', async () => {
    await using c = await context();
    await start(c, A);
    const made = await sh(
      c.vmm,
      A,
      'n=0; while : > /mnt/$n && unshare --net=/mnt/$n true; do n=$((n+1)); done; echo $n',
    );
    expect(Number(made)).toBeGreaterThan(4);
    expect(Number(made)).toBeLessThanOrEqual(16);
  });

  // as one can have made before that was ruled out on cgroup v2
  it('ends a machine that has cgroups where no path leads, and removes them', async () => {
    await using c = await context();
    const { pid } = await start(c, A);
    const own = cgroupsOf(`${c.cgroupParent}/a`);
    const bound = own.map((folder) => join(folder, 'cgroup.max.descendants'));
    for (const file of bound.filter((path) => existsSync(path))) writeFileSync(file, 'max');
    const name = 'n'.repeat(200);
    const nest = `for i in $(seq 21); do mkdir ${name}; cd -P ${name}; done`;
    for (const folder of own) await systemRunner.run({ argv: ['sh', '-ec', nest], cwd: folder });
    await c.vmm.stop(A, { graceMs: 0 });
    expect(isAlive(pid ?? 0)).toBe(false);
    await c.vmm.destroy(A);
    expect(cgroupsOf(`${c.cgroupParent}/a`)).toEqual([]);
  });
}

function describeRemains(context: MakeOciContext, runtime: RuntimeName): void {
  it('leaves nothing on the host', async () => {
    await using c = await context();
    const { pid } = await start(c, A);
    const program = await c.vmm.exec(A, { argv: ['sleep', '60'] });
    await c.vmm.destroy(A);
    await Promise.all([program.exit, text(program.stdout), text(program.stderr)]);
    // a newer crun keeps a compiled seccomp profile for all machines there
    expect(readdirSync(c.runtimeRoot).filter((name) => name !== '.cache')).toEqual([]);
    expect(readdirSync(c.bundleRoot)).toEqual([]);
    expect(cgroupsOf(`${c.cgroupParent}/a`)).toEqual([]);
    expect(isAlive(pid ?? 0)).toBe(false);
    await c[Symbol.asyncDispose]();
    expect(cgroupsOf(c.cgroupParent)).toEqual([]);
    expect(mountsUnder(c.folder)).toEqual([]);
    expect(existsSync(c.folder)).toBe(false);
  });

  it.each([0, 2, 4, 6, 8, 12])('cleans up a machine whose making was killed after %i ms', async (ms) => {
    await using c = await context();
    const spec = await c.makeSpec(A);
    await c.vmm.create(spec);
    const config = readFileSync(join(c.bundleRoot, 'a/config.json'), 'utf8');
    await c.vmm.destroy(A);
    await systemRunner.run({ argv: ['mkdir', join(c.bundleRoot, 'a')] });
    writeFileSync(join(c.bundleRoot, 'a/config.json'), config);
    const args = ['--root', c.runtimeRoot, 'create', '--no-new-keyring', '--bundle', join(c.bundleRoot, 'a'), 'a'];
    const copies = mkdtempSync(join(c.folder, 'copies-')); // else one that is killed early leaves a file in /tmp
    const env = { ...process.env, _LIBCONTAINER_STATEDIR: copies };
    const half = spawn(runtime, args, { stdio: 'ignore', env });
    await delay(ms);
    half.kill('SIGKILL');
    await once(half, 'exit');
    unmountUnder(copies);
    expect((await c.vmm.list()).map(({ id }) => id)).toEqual(['a']);
    await start(c, A, spec);
    expect(await sh(c.vmm, A, 'echo whole')).toBe('whole\n');
    await c.vmm.destroy(A);
    expect(cgroupsOf(`${c.cgroupParent}/a`)).toEqual([]);
  });

  it('lists a machine with damaged state as stopped, and destroys it with its processes', async () => {
    await using c = await context();
    const { pid } = await start(c, A);
    writeFileSync(join(c.runtimeRoot, 'a', runtime === 'crun' ? 'status' : 'state.json'), '{"pid": 12');
    expect(await c.vmm.list()).toEqual([{ id: 'a', state: 'stopped' }]);
    await c.vmm.destroy(A);
    expect(await c.vmm.list()).toEqual([]);
    expect(isAlive(pid ?? 0)).toBe(false);
  });
}

async function start(
  c: OciContext,
  id: MachineId,
  spec?: Awaited<ReturnType<OciContext['makeSpec']>>,
): Promise<MachineStatus> {
  const status = await c.vmm.create(spec ?? (await c.makeSpec(id)));
  await c.vmm.start(id);
  return status;
}

async function sh(vmm: Vmm, id: MachineId, script: string): Promise<string> {
  const program = await vmm.exec(id, { argv: ['sh', '-c', script] });
  program.stdin.end();
  const [stdout] = await Promise.all([text(program.stdout), text(program.stderr), program.exit]);
  return stdout;
}

const cgroupsOf = (path: string): readonly string[] =>
  readCgroupHierarchies()
    .map(({ mountPoint }) => join(mountPoint, path))
    .filter((folder) => existsSync(folder));
