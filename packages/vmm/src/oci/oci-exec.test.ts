import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { execInMachine } from './oci-exec.ts';

/** As `crun exec`: starts a program, writes down its pid and waits for it. The program leaves another that writes on. */
const runtimeWith = (writer: string) => `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --pid-file ] && file=$2; shift; done
sh -c 'perl -e "${writer}" & exit 3' &
echo $! > "$file"
wait $!
code=$?
echo $! $$ > "$0.pids"
exit $code
`;
const FLOODING = 'while (syswrite STDOUT, qq(more) x 9999) {}';
const NOW_AND_THEN = 'while (syswrite STDOUT, qq(more)) { select undef, undef, undef, 0.02 }';

describe('a program that has ended and left another behind that holds its output open', () => {
  let folder = '';
  const runtime = () => join(folder, 'runtime');
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-exec-'));
    const uidMappings = [{ hostID: process.getuid?.() }];
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ linux: { uidMappings } }));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const start = (writer: string) => {
    writeFileSync(runtime(), runtimeWith(writer), { mode: 0o700 });
    return execInMachine({
      id: 'a',
      spec: { argv: ['program'] },
      bundle: folder,
      runtime: 'crun',
      command: [runtime()],
      host: {
        ...{ initPath: '/init', cgroupParent: 'planetlab-test', architecture: 'x64', openFilesLimit: 1024 },
        ...{ limitsSwap: false, countsSocketsApart: true, boundsBelow: false },
      },
      starting: (begin) => begin(),
    });
  };
  const pids = (): readonly number[] =>
    existsSync(`${runtime()}.pids`) ? readFileSync(`${runtime()}.pids`, 'utf8').trim().split(' ').map(Number) : [];

  it('is over when it is killed, and no signal goes to the pid that was its own', async () => {
    const signals = vi.spyOn(process, 'kill');
    try {
      const program = await start(NOW_AND_THEN);
      for (const output of [program.stdout, program.stderr]) output.resume();
      const collected = () => expect(pids().map((pid) => existsSync(`/proc/${pid}`))).toEqual([false, false]);
      await vi.waitFor(collected, { timeout: 30_000 });
      program.kill();
      expect(await program.exit).toEqual({ code: 3 });
      expect(signals.mock.calls.filter(([, name]) => name === 'SIGKILL')).toEqual([]);
    } finally {
      signals.mockRestore();
    }
  });

  it.each([
    ['now and then', NOW_AND_THEN],
    ['without end', FLOODING],
  ])('is over by itself when that writes %s', async (_words, writer) => {
    const program = await start(writer);
    for (const output of [program.stdout, program.stderr]) output.resume();
    expect(await program.exit).toEqual({ code: 3 });
  });
});
