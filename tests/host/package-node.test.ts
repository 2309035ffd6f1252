import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPackage,
  complaintsAbout,
  expectInOrder,
  hasDpkg,
  hasSystemd,
  REPOSITORY,
  repositoryVersion,
  run,
} from './debian-package.ts';

// A Debian package needs Debian's tools; without them the reason is printed above.
describe.runIf(hasDpkg)('the Debian package of the node manager', () => {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-test-package-'));
  const root = join(folder, 'root');
  const library = join(root, 'usr/lib/planetlab-node');
  const build = (out: string): string => buildPackage('node-package.ts', join(folder, out));
  const plNode = (...args: readonly string[]): string =>
    run(join(library, 'node'), [join(library, 'main.js'), ...args], { cwd: '/' });
  let file: string;

  beforeAll(() => {
    file = build('first');
    run('dpkg-deb', ['-R', file, root]);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is the same, byte for byte, whenever it is built', () => {
    const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(digest(build('second'))).toBe(digest(file));
  });

  it('runs by itself: Node.js, our programs and native libraries are inside', () => {
    expect(plNode('--version')).toBe(`${repositoryVersion()}\n`);
    expect(plNode('image', 'list', '--images', join(folder, 'images'))).toContain('no images');
    expect(plNode('status', '--state', join(folder, 'state'))).toContain('not joined');
    const script = `import koffi from 'koffi'; import pty from '@lydell/node-pty';
      console.log(koffi.load('libc.so.6').func('int getpid()')() === process.pid, typeof pty.spawn);`;
    const native = run(join(library, 'node'), ['--input-type=module', '-e', script], { cwd: library });
    expect(native).toBe('true function\n');
  });

  it('depends on what the distribution has and slivers need', () => {
    const [depends = '', recommends = ''] = ['Depends', 'Recommends'].map((field) =>
      run('dpkg-deb', ['-f', file, field]),
    );
    const named = `${depends}, ${recommends}`.split(/[,|]/).map((each) => each.trim().split(' ')[0]);
    const list = readFileSync(join(REPOSITORY, 'tools/setup/packages.txt'), 'utf8');
    const ofHost = [...list.matchAll(/^all +(\S+)/gm)].map(([, name]) => name);
    const notOfNode = ['postgresql', 'iputils-ping']; // the PLC's, and a demonstration's
    expect(ofHost.filter((name) => !notOfNode.includes(name ?? '') && !named.includes(name))).toEqual([]);
  });

  it('belongs to root with modes and places as Debian wants them', () => {
    expectInOrder(file, root, ['etc/init.d/planetlab-node']);
    for (const path of ['doc/planetlab-node/copyright', 'doc/planetlab-node/node.md', 'man/man8/pl-node.8.gz'])
      expect(existsSync(join(root, 'usr/share', path)), path).toBe(true);
  });

  // systemd-analyze is a part of systemd; without it the reason is printed above.
  it.runIf(hasSystemd)('has a unit that systemd understands, and that ends neither slivers nor their sshd', () => {
    const unit = 'usr/lib/systemd/system/planetlab-node.service';
    expect(complaintsAbout(join(root, unit), '/usr/bin/pl-node')).toEqual([]);
    expect(readFileSync(join(root, unit), 'utf8')).toMatch(/^KillMode=process$/m);
  });

  // A mount namespace needs root, as most of this folder does.
  it.runIf(process.getuid?.() === 0)('is purged with what slivers have written, be it in subvolumes of btrfs', () => {
    const [image, postrm] = [join(folder, 'btrfs'), join(root, 'DEBIAN/postrm')];
    // nothing of this machine is in reach of the script
    const purge = `truncate -s 128M ${image}; mkfs.btrfs -q ${image} >&2
      for taken in /var/lib /var/log /etc/planetlab /run /sys/fs/cgroup; do
        [ ! -d $taken ] || mount -t tmpfs none $taken
      done
      mkdir /var/lib/planetlab
      mount -o loop ${image} /var/lib/planetlab 2>/dev/null || { echo 'skipped: no btrfs'; exit; }
      mkdir -p /var/lib/planetlab/labs /var/lib/planetlab/node/slivers/a_x
      cd /var/lib/planetlab/node/slivers/a_x
      btrfs -q subvolume create subvolume
      mkdir -p subvolume/upper/below
      cd /
      sh ${postrm} purge
      ls /var/lib/planetlab`;
    const left = run('unshare', ['--mount', '--propagation', 'private', 'sh', '-euc', purge]).trim();
    if (left.startsWith('skipped')) console.log(left);
    else expect(left).toBe('labs');
  });
});
