import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn as spawnInTerminal } from '@lydell/node-pty';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cli, MAIN } from './testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from './testing/plc-server.ts';

// Each starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

let plc: PlcServer;
let home: string;
let env: Record<string, string>;

beforeAll(async () => {
  plc = await startPlcServer();
  home = mkdtempSync(join(tmpdir(), 'planetlab-cli-'));
  env = { PATH: process.env['PATH'] ?? '', HOME: home, PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN };
  await cli(['node', 'create', 'tokyo', '--site', 'eth'], { env });
  await cli(['slice', 'create', 'eth_demo'], { env });
  await cli(['slice', 'add-node', 'eth_demo', 'tokyo'], { env });
});
afterAll(async () => {
  await plc[Symbol.asyncDispose]();
  rmSync(home, { recursive: true, force: true });
});

/** The program as people run it. */
async function pl(
  argv: readonly string[],
  options: { readonly interruptWhenSaid?: string; readonly openInput?: boolean } = {},
) {
  const child = spawn(process.execPath, [MAIN, ...argv], { env });
  if (options.openInput !== true) child.stdin.end();
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
    if (options.interruptWhenSaid !== undefined && stdout.includes(options.interruptWhenSaid)) child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

describe('the program as a process', () => {
  // What it costs is what it loads: 100 ms in all on a quiet machine, of which Node.js takes 30. Times are not compared here:
  // they say more about what else the machine is doing.
  it('loads nothing of the commands to print its help', () => {
    const tell = `import { registerHooks } from 'node:module';
      registerHooks({ load: (url, context, next) => { process.stderr.write(url + '\\n'); return next(url, context); } });`;
    const preload = `data:text/javascript,${encodeURIComponent(tell)}`;
    const helped = spawnSync(process.execPath, ['--import', preload, MAIN, '--help'], { env, encoding: 'utf8' });
    expect(helped.status).toBe(0);
    expect(helped.stderr).toContain('/commander/');
    expect(helped.stderr).not.toMatch(/\/(zod|packages|commands|output)\//);
  });

  it('has its exit codes', async () => {
    expect((await pl(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await pl(['nonsense'])).code).toBe(2);
    expect((await pl(['slice', 'show', 'eth_none'])).code).toBe(1);
    expect((await pl(['exec', 'eth_demo@tokyo', '--', 'sh', '-c', 'exit 42'])).code).toBe(42);
  });

  it('ends with the program it ran, also when its own standard input stays open', async () => {
    expect(await pl(['exec', 'eth_demo@tokyo', '--', 'echo', 'done'], { openInput: true })).toMatchObject({
      code: 0,
      stdout: 'done\n',
    });
  });

  it('ends at once when the program could not be started', async () => {
    // a connection left open would hold it for more than a minute, longer than this test may last
    expect(await pl(['exec', 'eth_demo@nowhere', '--', 'true'])).toMatchObject({ code: 1 });
  });

  it('exits 130 on Ctrl-C', async () => {
    const argv = ['exec', 'eth_demo@tokyo', '--', 'sh', '-c', 'echo up; sleep 60'];
    const stopped = await pl(argv, { interruptWhenSaid: 'up', openInput: true });
    expect(stopped).toMatchObject({ code: 130, stderr: 'pl: interrupted\n' });
  });

  it('ends quietly when nobody reads on', async () => {
    const child = spawn('sh', ['-c', '"$0" "$1" exec eth_demo@tokyo -- yes | head -n 1', process.execPath, MAIN], {
      env,
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(stderr).toBe('');
  });
});

/** The program in a terminal, with what it shows so far and a way to wait for it. */
function inTerminal(argv: readonly string[]) {
  const pty = spawnInTerminal(process.execPath, [MAIN, ...argv], {
    env: { ...env, TERM: 'xterm' },
    cols: 100,
    rows: 30,
  });
  let shown = '';
  pty.onData((text) => {
    shown += text;
  });
  const exit = new Promise<number>((resolve) => pty.onExit(({ exitCode }) => resolve(exitCode)));
  const shows = (text: string) => expect.poll(() => shown, { timeout: 10_000 }).toContain(text);
  return { pty, exit, shows, shown: () => shown };
}

describe('the program in a terminal', () => {
  it('shows colours and symbols', async () => {
    const { exit, shown } = inTerminal(['sliver', 'list']);
    expect(await exit).toBe(0);
    expect(shown()).toContain('\u001b[32m● running\u001b[39m');
  });

  it('redraws progress in place and leaves only the table', async () => {
    const { exit, shown } = inTerminal(['slice', 'add-node', 'eth_demo', 'tokyo']);
    expect(await exit).toBe(0);
    expect(shown()).toContain('0 of 1 running');
    expect(shown()).toContain('\u001b[2A\u001b[J');
    expect(shown().trimEnd().split('\n').at(-2)).toContain('TIME TO RUNNING');
  });

  it('is a terminal for the program at the other end: keys, size, Ctrl-C, exit code', async () => {
    const { pty, exit, shows } = inTerminal(['exec', '-t', 'eth_demo@tokyo', '--', 'sh', '-i']);
    pty.write('PS1=; stty size\r');
    await shows('30 100');
    pty.resize(120, 40);
    pty.write('sleep 0.2; stty size\r');
    await shows('40 120');
    pty.write('sleep 60\r');
    await new Promise((resolve) => setTimeout(resolve, 300));
    pty.write('\u0003'); // to the sleeping program, not to this one
    pty.write('echo still $((40+2))\r');
    await shows('still 42');
    pty.write('exit 5\r');
    expect(await exit).toBe(5);
  });

  it('is told what it means that a program is not there', async () => {
    const { exit, shown } = inTerminal(['exec', 'eth_demo@tokyo', '--', 'no-such-program']);
    expect(await exit).toBe(127);
    expect(shown()).toContain('pl: exit code 127 means "not found": is no-such-program installed in eth_demo@tokyo?');
  });

  it('asks for a token without showing it', async () => {
    const { pty, exit, shows, shown } = inTerminal(['login', '--url', plc.url]);
    await shows('API token for');
    pty.write(`${TOKEN}x\u007f\r`);
    expect(await exit).toBe(0);
    expect(shown()).toContain('as ada@example.org');
    expect(shown()).not.toContain(TOKEN);
  });

  it('gives up at the prompt on Ctrl-C', async () => {
    const { pty, exit, shows } = inTerminal(['login', '--url', plc.url]);
    await shows('API token for');
    pty.write('abc\u0003');
    expect(await exit).toBe(130);
  });
});
