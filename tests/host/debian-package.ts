import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/** What the tests of both Debian packages do with one: build it, unpack it, look at what every package must be. */

export const REPOSITORY = join(import.meta.dirname, '../..');
export const hasDpkg = existsSync('/usr/bin/dpkg-deb');
if (!hasDpkg) console.log('skipped: Debian packages are built with dpkg-deb, which is not here');
export const hasSystemd = existsSync('/usr/bin/systemd-analyze');
if (!hasSystemd) console.log('skipped: units are checked by systemd-analyze, which is not here');

/** What a program prints. */
export const run = (program: string, args: readonly string[], options = {}): string =>
  execFileSync(program, args, { cwd: REPOSITORY, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** Builds the package into an empty folder; gives its file. */
export function buildPackage(script: string, folder: string): string {
  const env = { ...process.env, SOURCE_DATE_EPOCH: '1700000000' };
  run(process.execPath, [`tools/package/${script}`, '--out', folder], { env });
  const [name = ''] = readdirSync(folder);
  return join(folder, name);
}

/** Everything is root's, with the modes that Debian wants; `scripts` of the unpacked package, and its own, are scripts. */
export function expectInOrder(file: string, root: string, scripts: readonly string[]): void {
  const lines = run('dpkg-deb', ['-c', file]).trim().split('\n');
  expect(lines.filter((line) => !line.includes('root/root'))).toEqual([]);
  expect(lines.filter((line) => !/^(drwxr-xr-x|-rw-r--r--|-rwxr-xr-x) /.test(line))).toEqual([]);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    expect(statSync(join(root, 'DEBIAN', script)).mode & 0o777).toBe(0o755);
    run('sh', ['-n', join(root, 'DEBIAN', script)]);
  }
  for (const script of scripts) run('sh', ['-n', join(root, script)]);
  run('md5sum', ['--check', '--quiet', 'DEBIAN/md5sums'], { cwd: root });
}

/** What systemd finds wrong with a unit, but for its `program`, which is not installed here. */
export function complaintsAbout(unit: string, program: string): readonly string[] {
  const found = run('sh', ['-c', 'systemd-analyze verify --man=no "$1" 2>&1 || true', 'sh', unit]);
  return found.split('\n').filter((line) => line.includes('planetlab') && !line.includes(program));
}

/** The version of everything in this repository. */
export const repositoryVersion = (): string =>
  String(JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')).version);
