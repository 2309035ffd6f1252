import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyRuleset,
  bindMountIdMapped,
  type CommandRunner,
  cgroupLayout,
  createNetworkNamespace,
  createPollSet,
  createRoutedVeth,
  createVolumeImages,
  deleteLink,
  deleteNetworkNamespace,
  deleteTable,
  ensurePrivateMountPoint,
  inNamespace,
  isAlive,
  isMountPoint,
  listLinks,
  listNetworkNamespaces,
  mountOverlay,
  mountsUnder,
  mountVolumeImage,
  namespacePath,
  openTun,
  pollReadable,
  prepareOverlayFolders,
  probeHost,
  processesUnder,
  readCgroupHierarchies,
  readPacket,
  removeCgroupTree,
  systemRunner,
  unmount,
  unmountUnder,
  withNetworkNamespace,
  writePacket,
} from '@planetlab/linux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNotRoot } from './vmm-machines.ts';

const reason = whyNotRoot();
if (reason !== undefined) console.warn(`skipped: what is asked of a Linux host: ${reason}`);
const NAMESPACE = `planetlab-test-${process.pid}`;

// Mounts and namespaces need root; where there is none, the line above says so.
describe.skipIf(reason !== undefined)('what is asked of a Linux host', () => {
  describe('mounts', () => {
    let folder = '';
    const path = (name: string) => join(folder, name);
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'planetlab-mounts-'));
      for (const name of ['image', 'lower']) mkdirSync(path(name));
      writeFileSync(path('image/file'), 'of the image');
      prepareOverlayFolders({ upper: path('upper'), work: path('work'), target: path('root') }, 1_000_000);
    });
    afterEach(() => {
      unmountUnder(folder);
      rmSync(folder, { recursive: true, force: true });
    });
    const mount = async () => {
      const mapped = { source: path('image'), target: path('lower'), idBase: 1_000_000, idCount: 65_536 };
      await bindMountIdMapped(mapped);
      await mountOverlay({ lower: path('lower'), upper: path('upper'), work: path('work'), target: path('root') });
    };

    it('show an image with other owners, and keep what is written apart from it', async () => {
      await mount();
      expect(statSync(path('root/file')).uid).toBe(1_000_000);
      expect(statSync(path('root')).uid).toBe(1_000_000);
      writeFileSync(path('root/file'), 'changed');
      expect(readFileSync(path('image/file'), 'utf8')).toBe('of the image');
      expect(() => writeFileSync(path('lower/file'), 'x')).toThrow(/EROFS/);
    });

    it('are there once however often they are made, and gone however often they are removed', async () => {
      await mount();
      await mount();
      expect(mountsUnder(folder)).toEqual([path('lower'), path('root')]);
      for (const name of ['root', 'lower']) {
        unmount(path(name));
        unmount(path(name));
      }
      unmount(path('nothing'));
      expect(mountsUnder(folder)).toEqual([]);
    });

    it('are detached when somebody still uses them', async () => {
      await mount();
      const user = spawn('sleep', ['60'], { cwd: path('root') });
      await once(user, 'spawn');
      unmount(path('root'));
      expect(isMountPoint(path('root'))).toBe(false);
      user.kill('SIGKILL');
      await once(user, 'exit');
    });

    it('name the failure and the paths when they cannot be made', async () => {
      const bad = { lower: path('nowhere'), upper: path('upper'), work: path('work'), target: path('root') };
      await expect(mountOverlay(bad)).rejects.toThrow(/mount failed with ENOENT: overlay of .*nowhere/);
      const missing = { source: path('nowhere'), target: path('lower'), idBase: 1_000_000, idCount: 1 };
      await expect(bindMountIdMapped(missing)).rejects.toThrow(/open_tree failed with ENOENT: .*nowhere/);
    });

    it('of a volume take no more than it has, past the page cache of the host, and leave no device', async () => {
      await createVolumeImages(systemRunner).make(path('disk.img'), 16);
      await mountVolumeImage(path('disk.img'), path('disk'));
      await mountVolumeImage(path('disk.img'), path('disk'));
      expect(() => writeFileSync(path('disk/large'), Buffer.alloc(17 * 2 ** 20))).toThrow(/ENOSPC/);
      const device = /(loop\d+) .*disk\.img/.exec(
        (await systemRunner.run({ argv: ['losetup', '--list'] })).stdout,
      )?.[1];
      const settings = `/sys/block/${device}/loop`;
      expect(readFileSync(`${settings}/dio`, 'utf8').trim()).toBe(mayWriteDirectly(path('disk.img')) ? '1' : '0');
      unmount(path('disk'));
      await expect.poll(() => existsSync(settings), { timeout: 30_000 }).toBe(false);
    });

    it('below a private mount point are not shared', () => {
      ensurePrivateMountPoint(path('image'));
      ensurePrivateMountPoint(path('image'));
      expect(mountsUnder(folder)).toEqual([path('image')]);
      const line = readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .find((each) => each.includes(folder));
      expect(line).not.toContain('shared:');
    });
  });

  describe('network namespaces', () => {
    afterEach(() => deleteNetworkNamespace(NAMESPACE, systemRunner));
    const inside: CommandRunner = {
      run: (command) => systemRunner.run({ ...command, argv: [...inNamespace(NAMESPACE), ...command.argv] }),
    };

    it('are made and removed, also twice, and after a half-made one', async () => {
      mkdirSync('/run/netns', { recursive: true });
      writeFileSync(namespacePath(NAMESPACE), '');
      await createNetworkNamespace(NAMESPACE, systemRunner);
      await createNetworkNamespace(NAMESPACE, systemRunner);
      expect(listNetworkNamespaces()).toContain(NAMESPACE);
      const several = [1, 2, 3].map(() => deleteNetworkNamespace(NAMESPACE, systemRunner)); // as nodes that end together do
      await Promise.all(several);
      await deleteNetworkNamespace(NAMESPACE, systemRunner);
      expect(listNetworkNamespaces()).not.toContain(NAMESPACE);
    });

    it('are entered by this thread for one call, also when that fails', async () => {
      await createNetworkNamespace(NAMESPACE, systemRunner);
      const own = listLinks();
      expect(withNetworkNamespace(namespacePath(NAMESPACE), listLinks)).toEqual(['lo']);
      const fail = () => {
        throw new Error('inside');
      };
      expect(() => withNetworkNamespace(namespacePath(NAMESPACE), fail)).toThrow('inside');
      expect(listLinks()).toEqual(own);
    });

    it('hold rule sets that are applied as a whole or not at all', async () => {
      await createNetworkNamespace(NAMESPACE, systemRunner);
      const table = 'table inet planetlab {\n chain c {\n type filter hook input priority 0;\n }\n}\n';
      await applyRuleset(table, inside);
      await expect(applyRuleset(`${table} delete table inet nothing\n`, inside)).rejects.toThrow(/No such file/);
      await deleteTable('inet', 'planetlab', inside);
      await deleteTable('inet', 'planetlab', inside);
      expect((await inside.run({ argv: ['nft', 'list', 'ruleset'] })).stdout).toBe('');
    });

    it('carry packets between a TUN link and this process', async () => {
      await createNetworkNamespace(NAMESPACE, systemRunner);
      const fd = openTun({ name: 'wan0', namespacePath: namespacePath(NAMESPACE) });
      try {
        const setUp = ['address add 192.0.2.1/24 dev wan0', 'link set dev wan0 up'].join('\n');
        await inside.run({ argv: ['ip', '-batch', '-'], input: setUp });
        const pinging = inside.run({ argv: ['ping', '-c', '1', '-W', '5', '192.0.2.9'] });
        expect(await answerOnePing(fd)).toBe(true);
        expect((await pinging).stdout).toContain('1 received');
        expect(listLinks()).not.toContain('wan0');
      } finally {
        closeSync(fd);
      }
    });

    it('are linked to the host by a veth that can be made again and removed again', async () => {
      const guest = spawn('unshare', ['--net', 'sleep', '60']);
      await once(guest, 'spawn');
      await untilOwnNetwork(guest.pid ?? 0);
      const veth = {
        pid: guest.pid ?? 0,
        hostName: `pltest${process.pid % 100_000}`,
        guestIpv4: '10.99.1.2',
        hostIpv4Gateway: '169.254.1.1',
        hostIpv6Gateway: 'fe80::1',
      };
      await createRoutedVeth(veth);
      await createRoutedVeth(veth);
      await systemRunner.run({ argv: ['ping', '-c', '1', '-W', '2', '10.99.1.2'] });
      await deleteLink(veth.hostName);
      await deleteLink(veth.hostName);
      expect(listLinks()).not.toContain(veth.hostName);
      guest.kill('SIGKILL');
      await once(guest, 'exit');
    });
  });

  it('removes cgroups with the processes in them, from every hierarchy', async () => {
    const parent = `planetlab-test-${process.pid}`;
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const hierarchies = readCgroupHierarchies();
    const unified = cgroupLayout(hierarchies) === 'v2';
    const folders = hierarchies
      .filter(({ controllers }) => unified || controllers.some((name) => name === 'pids' || name === 'freezer'))
      .map(({ mountPoint }) => join(mountPoint, parent, 'a'));
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'cgroup.procs'), String(child.pid));
      if (existsSync(join(folder, 'freezer.state'))) writeFileSync(join(folder, 'freezer.state'), 'FROZEN');
      if (existsSync(join(folder, 'cgroup.freeze'))) writeFileSync(join(folder, 'cgroup.freeze'), '1');
    }
    await removeCgroupTree(parent);
    await removeCgroupTree(parent);
    expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
    if (folders.length > 0) expect(isAlive(child.pid ?? 0)).toBe(false);
    child.kill('SIGKILL');
  });

  // as root inside a machine on cgroup v2 can make them, where nothing bounds it
  it('removes cgroups of v2 that do not say what is in them, with the processes in them', async () => {
    const unified = readCgroupHierarchies().find(({ version }) => version === 2);
    if (unified === undefined) return;
    const parent = `planetlab-test-${process.pid}`;
    const folder = join(unified.mountPoint, parent);
    const inFolder = (words: string) => systemRunner.run({ argv: ['sh', '-ec', `cd ${folder}; ${words}`] });
    const sleeping = spawn('sleep', ['60']);
    const nested = spawn('sleep', ['60']);
    await Promise.all([once(sleeping, 'spawn'), once(nested, 'spawn')]);
    mkdirSync(join(folder, 'a/threads'), { recursive: true });
    try {
      const name = 'n'.repeat(200);
      await inFolder(`for i in $(seq 21); do mkdir ${name}; cd -P ${name}; done; echo ${nested.pid} > cgroup.procs`);
      await inFolder(`mkdir "$(printf '\\377')"; cd a; echo threaded > threads/cgroup.type`);
      await inFolder(`cd a; echo ${sleeping.pid} > cgroup.procs; echo ${sleeping.pid} > threads/cgroup.threads`);
      expect(processesUnder(folder), 'as far as a path can name them').toEqual([sleeping.pid]);
      await removeCgroupTree(parent);
      expect(existsSync(folder)).toBe(false);
      expect([sleeping, nested].map(({ pid }) => isAlive(pid ?? 0))).toEqual([false, false]);
    } finally {
      for (const child of [sleeping, nested]) child.kill('SIGKILL');
      await systemRunner.run({ argv: ['sh', '-c', `[ ! -e ${folder} ] || find ${folder} -depth -type d -delete`] });
    }
  });

  it('is probed by trying, which leaves nothing behind', async () => {
    const features = await probeHost(systemRunner);
    const left = [...listLinks(), ...listNetworkNamespaces(), ...mountsUnder('/')];
    expect(left.filter((name) => name.includes(`planetlab-probe-${process.pid}`))).toEqual([]);
    expect(left).not.toContain(`planetlab${process.pid}`);
    const available = features.filter((each) => each.available).map((each) => each.feature);
    expect(available).toEqual(
      expect.arrayContaining(['root', 'overlayfs', 'idmapped mounts', 'veth', 'runtime', 'init']),
    );
    for (const { reason: sentence } of features) expect(sentence).toMatch(/^[A-Z/].*\.$/s);
  });

  it('is probed as lacking what is not installed', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'planetlab-empty-'));
    chmodSync(empty, 0o755);
    const bare: CommandRunner = { run: (command) => systemRunner.run({ ...command, env: { PATH: empty } }) };
    const features = new Map((await probeHost(bare)).map((each) => [each.feature, each]));
    rmSync(empty, { recursive: true });
    expect(features.get('init')).toMatchObject({ available: false });
    expect(features.get('runtime')?.reason).toBe('Neither crun nor runc is installed. Install crun (or runc).');
    expect(features.get('overlayfs')).toMatchObject({ available: true });
  });
});

const ECHO_REPLY = 0;
const IPV4_HEADER_BYTES = 20;

/** Turns the first echo request round: swaps the addresses, and makes it a reply. */
async function answerOnePing(fd: number): Promise<boolean> {
  const buffer = Buffer.alloc(2048);
  const set = createPollSet([fd]);
  for (let attempt = 0; attempt < 50; attempt++) {
    if (pollReadable(set, 100) === 0) continue;
    const length = readPacket(fd, buffer);
    if (length === 0 || buffer[0] !== 0x45 || buffer[9] !== 1) continue; // not IPv4 and ICMP
    const source = Buffer.from(buffer.subarray(12, 16));
    buffer.copy(buffer, 12, 16, 20);
    source.copy(buffer, 16);
    buffer[IPV4_HEADER_BYTES] = ECHO_REPLY;
    // The request's type 8 was in the checksum; without it the checksum grows by as much.
    const sum = buffer.readUInt16BE(IPV4_HEADER_BYTES + 2) + 0x0800;
    buffer.writeUInt16BE((sum & 0xffff) + (sum >> 16), IPV4_HEADER_BYTES + 2);
    return writePacket(fd, buffer, length);
  }
  return false;
}

async function untilOwnNetwork(pid: number): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (statSync(`/proc/${pid}/ns/net`).ino !== statSync('/proc/self/ns/net').ino) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Whether the file system of a file takes direct I/O at all. */
function mayWriteDirectly(file: string): boolean {
  try {
    closeSync(openSync(file, constants.O_RDWR | constants.O_DIRECT));
    return true;
  } catch {
    return false;
  }
}
