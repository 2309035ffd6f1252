import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { handOver, sudoCaller } from './hand-over.ts';

describe('who called sudo', () => {
  it('is a person only where there is sudo, and root is not handed what is root’s already', () => {
    const env = { SUDO_UID: '1000', SUDO_GID: '1001' };
    expect(sudoCaller(env, 0)).toEqual({ uid: 1000, gid: 1001 });
    expect(sudoCaller(env, 1000)).toBeNull();
    expect(sudoCaller({}, 0)).toBeNull();
    expect(sudoCaller({ SUDO_UID: '0', SUDO_GID: '0' }, 0)).toBeNull();
    expect(sudoCaller({ SUDO_UID: '1000; rm', SUDO_GID: '1' }, 0)).toBeNull();
  });

  // Giving files away needs root.
  it.skipIf(process.getuid?.() !== 0)('gets files that are nobody else’s to read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'planetlab-hand-over-'));
    try {
      const file = join(folder, 'token');
      writeFileSync(file, 'secret', { mode: 0o644 });
      chownSync(file, 0, 0);
      await handOver([file], null);
      expect(statSync(file).uid).toBe(0);
      await handOver([file], { uid: 12_345, gid: 23_456 });
      expect(statSync(file)).toMatchObject({ uid: 12_345, gid: 23_456 });
      expect(statSync(file).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
