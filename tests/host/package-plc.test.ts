import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  buildPackage,
  complaintsAbout,
  expectInOrder,
  hasDpkg,
  hasSystemd,
  repositoryVersion,
  run,
} from './debian-package.ts';

// A Debian package needs Debian's tools; without them the reason is printed above.
describe.runIf(hasDpkg)('the Debian package of the PLC', () => {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-test-package-'));
  const root = join(folder, 'root');
  const library = join(root, 'usr/lib/planetlab-plc');
  let file: string;

  beforeAll(() => {
    chmodSync(folder, 0o711); // the database's account passes through
    file = buildPackage('plc-package.ts', join(folder, 'out'));
    run('dpkg-deb', ['-R', file, root]);
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs by itself: Node.js, the program with all its libraries and the console are inside', async () => {
    const program = [join(library, 'node'), join(library, 'main.js')] as const;
    expect(run(program[0], [program[1], '--version'], { cwd: '/' })).toBe(`${repositoryVersion()}\n`);
    const state = join(folder, 'state');
    const settings = ['--state', state, '--listen', '127.0.0.1:0', '--node-listen', '127.0.0.1:0'];
    const console = ['--console', join(root, 'usr/share/planetlab-plc/console')];
    const child = spawn(program[0], [program[1], 'run', ...settings, ...console], {
      cwd: '/',
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said: string[] = [];
    let url: string | undefined;
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line);
      url = /^Ready: people at (\S+),/.exec(line)?.[1];
      if (url !== undefined) break;
    }
    expect(url, said.join('\n')).toBeDefined();
    child.stderr.resume();
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' });
    expect(await (await fetch(`${url}/`)).text()).toContain('<div id="root">');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('belongs to root with modes and places as Debian wants them', () => {
    expectInOrder(file, root, ['etc/init.d/planetlab-plc', 'usr/bin/planetlab-plc']);
    for (const path of ['copyright', 'plc.md', 'third-party-licences.gz', 'grafana/planetlab.json'])
      expect(existsSync(join(root, 'usr/share/doc/planetlab-plc', path)), path).toBe(true);
    expect(existsSync(join(root, 'usr/share/man/man8/planetlab-plc.8.gz'))).toBe(true);
  });

  it('has settings that a shell and systemd read alike, and that name only what the program knows', () => {
    const settings = readFileSync(join(root, 'etc/planetlab/plc.conf'), 'utf8');
    const lines = settings.split('\n').filter((line) => /^#?[A-Z]/.test(line) && line.includes('='));
    expect(lines.filter((line) => !/^#?[A-Z_]+='[^'"$\\]*'$/.test(line))).toEqual([]);
    const help = run(join(library, 'node'), [join(library, 'main.js'), 'run', '--help']);
    const unknown = lines.map((line) => line.replace(/^#|=.*$/g, '')).filter((name) => !help.includes(name));
    expect(unknown).toEqual([]);
  });

  // systemd-analyze is a part of systemd; without it the reason is printed above.
  it.runIf(hasSystemd)('has a unit that systemd understands', () => {
    const unit = 'usr/lib/systemd/system/planetlab-plc.service';
    expect(complaintsAbout(join(root, unit), '/usr/lib/planetlab-plc')).toEqual([]);
  });
});
