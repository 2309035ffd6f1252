import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseSshKey } from './ssh-key.ts';

const ED25519 = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH ada@laptop';

it.each([
  ['ed25519', []],
  ['ecdsa', ['-b', '256']],
  ['ecdsa', ['-b', '521']],
  ['rsa', ['-b', '2048']],
])('reads what ssh-keygen makes (%s %j) and agrees with it about the fingerprint', (type, more) => {
  const folder = mkdtempSync(join(tmpdir(), 'ssh-key-test-'));
  try {
    const file = join(folder, 'key');
    execFileSync('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-f', file]);
    const printed = execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' });
    expect(printed).toContain(parseSshKey(readFileSync(`${file}.pub`, 'utf8')).fingerprint);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  ['a type that is not the key’s', ED25519.replace('ssh-ed25519 ', 'ssh-rsa ')],
  ['a key that is cut off', ED25519.slice(0, 60)],
  ['base64 with other characters', ED25519.replace('BwcH ', 'Bw!H ')],
  ['nothing', ''],
  ['a length beyond the end', 'ssh-ed25519 /////w=='],
])('refuses %s', (_what, line) => {
  expect(() => parseSshKey(line)).toThrowError(expect.objectContaining({ code: 'malformed_key' }));
});

it('refuses RSA keys that are too short', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ssh-key-test-'));
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', join(folder, 'key')]);
    expect(() => parseSshKey(readFileSync(join(folder, 'key.pub'), 'utf8'))).toThrow(/1024 bits/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
