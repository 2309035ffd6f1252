import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderAccountFiles, renderKeys, renderLoginShell, renderSshdConfig } from './render.ts';

describe('what the private sshd gets', () => {
  it('is one account per sliver that can only run the login shell, and none of the host’s', () => {
    const host =
      'root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n';
    const { passwd } = renderAccountFiles(['princeton_codeen'], host, '/state/ssh/login-shell');
    expect(passwd).toBe(`root:*:0:0:root:/:/usr/sbin/nologin
sshd:*:101:65534::/run/sshd:/usr/sbin/nologin
princeton_codeen:*:0:0::/:/state/ssh/login-shell
`);
    expect(renderAccountFiles([], '', '/x').passwd).toContain('sshd:*:65533:');
  });

  it('is keys without any way past the sliver', () => {
    expect(renderKeys(['ssh-ed25519 AAAA ada'])).toBe('restrict,pty ssh-ed25519 AAAA ada\n');
  });

  it('is a configuration with keys only, and nothing of PAM, passwords, forwarding or user files', () => {
    const listen = { host: 'fd00::1', port: 2222 };
    const text = renderSshdConfig({ listen, hostKey: '/s/host', keysFolder: '/r/keys', pidFile: '/r/pid' });
    expect(text).toContain('ListenAddress [fd00::1]:2222\n');
    const lines = text.split('\n');
    for (const line of [
      'AuthorizedKeysFile /r/keys/%u',
      'AuthenticationMethods publickey',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'UsePAM no',
      'PermitRootLogin prohibit-password',
      'DenyUsers root',
      'StrictModes yes',
      'DisableForwarding yes',
      'Subsystem sftp /usr/lib/openssh/sftp-server',
      'PermitUserEnvironment no',
      'PermitUserRC no',
      'UnusedConnectionTimeout 1m',
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('is a login shell that any sh can read, and that takes no name but a slice’s', () => {
    const script = renderLoginShell({
      runtime: ['crun', '--root', "/run/it's"],
      nodeName: 'princeton',
      copies: '/run/copies',
      slots: '/run/slots',
      most: 32,
    });
    expect(() => execFileSync('sh', ['-n'], { input: script })).not.toThrow();
    const run = (user: string) => {
      try {
        return execFileSync('sh', ['-s'], { input: script, env: { USER: user }, stdio: 'pipe' }).toString();
      } catch (error) {
        return String(error instanceof Error && 'stderr' in error ? error.stderr : error);
      }
    };
    expect(run('$(reboot)')).toContain('not an account of a sliver');
    expect(run('princeton_codeen')).toContain('princeton_codeen is not running on princeton');
  });

  it('is a login shell that lets so many into a sliver at a time, and the next one when one of them has ended', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'planetlab-login-'));
    const runtime = join(folder, 'runtime');
    const says = 'case $1 in state) echo \'"status": "running"\' ;; exec) echo in; exec cat ;; esac';
    writeFileSync(runtime, `#!/bin/sh\n${says}\n`, { mode: 0o700 });
    const script = renderLoginShell({ runtime: [runtime], nodeName: 'n', copies: folder, slots: folder, most: 2 });
    writeFileSync(join(folder, 'shell'), script, { mode: 0o700 });
    const logIn = async (slice: string) => {
      const login = spawn(join(folder, 'shell'), ['-c', 'true'], { env: { USER: slice } });
      const [words] = await Promise.race([once(login.stdout, 'data'), once(login.stderr, 'data')]);
      const end = async () => {
        login.stdin.end();
        await once(login, 'close');
      };
      return { words: String(words), end };
    };
    const [first, second, refused, other] = [
      await logIn('a_b'),
      await logIn('a_b'),
      await logIn('a_b'),
      await logIn('a_bc'),
    ];
    expect([first, second, other].map(({ words }) => words)).toEqual(['in\n', 'in\n', 'in\n']);
    expect(refused.words).toContain('a_b has 2 logins on n, which is the most at a time');
    await first.end();
    const next = await logIn('a_b');
    expect(next.words).toBe('in\n');
    for (const login of [second, other, next]) await login.end();
    rmSync(folder, { recursive: true, force: true });
  });
});
