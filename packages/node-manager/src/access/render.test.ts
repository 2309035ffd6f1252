import { execFileSync } from 'node:child_process';
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
    ]) {
      expect(lines).toContain(line);
    }
  });

  it('is a login shell that any sh can read, and that takes no name but a slice’s', () => {
    const script = renderLoginShell({
      runtime: ['crun', '--root', "/run/it's"],
      nodeName: 'princeton',
      copies: '/run/copies',
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
});
