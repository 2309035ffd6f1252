import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '../..');
const hasDpkg = existsSync('/usr/bin/dpkg-deb');
if (!hasDpkg) console.log('skipped: Debian packages are built with dpkg-deb, which is not here');
const hasSystemd = existsSync('/usr/bin/systemd-analyze');
if (!hasSystemd) console.log('skipped: units are checked by systemd-analyze, which is not here');

const run = (program: string, args: readonly string[], options = {}): string =>
  execFileSync(program, args, { cwd: REPOSITORY, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });

// A Debian package needs Debian's tools; without them the reason is printed above.
describe.runIf(hasDpkg)('the Debian package of the node manager', () => {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-test-package-'));
  const root = join(folder, 'root');
  const library = join(root, 'usr/lib/planetlab-node');
  const build = (out: string): string => {
    run(process.execPath, ['tools/package/node-package.ts', '--out', join(folder, out)], {
      env: { ...process.env, SOURCE_DATE_EPOCH: '1700000000' },
    });
    const [name = ''] = readdirSync(join(folder, out));
    return join(folder, out, name);
  };
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
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'));
    expect(plNode('--version')).toBe(`${version}\n`);
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
    const lines = run('dpkg-deb', ['-c', file]).trim().split('\n');
    expect(lines.filter((line) => !line.includes('root/root'))).toEqual([]);
    expect(lines.filter((line) => !/^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) /.test(line))).toEqual([]);
    for (const path of ['doc/planetlab-node/copyright', 'doc/planetlab-node/node.md', 'man/man8/pl-node.8.gz'])
      expect(existsSync(join(root, 'usr/share', path)), path).toBe(true);
    for (const script of ['postinst', 'prerm', 'postrm']) {
      expect(statSync(join(root, 'DEBIAN', script)).mode & 0o777).toBe(0o755);
      run('sh', ['-n', join(root, 'DEBIAN', script)]);
    }
    run('sh', ['-n', join(root, 'etc/init.d/planetlab-node')]);
    run('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: root });
  });

  // systemd-analyze is a part of systemd; without it the reason is printed above.
  it.runIf(hasSystemd)('has a unit that systemd understands, and that ends neither slivers nor their sshd', () => {
    const unit = 'usr/lib/systemd/system/planetlab-node.service';
    const found = run('sh', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1 || true', 'sh', join(root, unit)]);
    const ours = found.split('\n').filter((line) => line.includes('planetlab') && !line.includes('/usr/bin/pl-node'));
    expect(ours, 'its program is not installed here').toEqual([]);
    expect(readFileSync(join(root, unit), 'utf8')).toMatch(/^KillMode=process$/m);
  });
});
