import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '../main.ts');
/** Enough for it to have asked, on most machines; what it answers does not depend on it. */
const LATER_MS = 1_500;

it('waits for a join token that comes later than it asks', async () => {
  const state = mkdtempSync(join(tmpdir(), 'planetlab-join-'));
  try {
    const child = spawn(process.execPath, [MAIN, 'join', '-', '--state', state], { stdio: ['pipe', 'ignore', 'pipe'] });
    const said = text(child.stderr);
    await Promise.race([once(child, 'exit'), delay(LATER_MS)]);
    child.stdin.on('error', () => {}); // it has not waited: what it said tells
    child.stdin.end('no token');
    expect(await said).toMatch(/join token/);
  } finally {
    rmSync(state, { recursive: true });
  }
});
