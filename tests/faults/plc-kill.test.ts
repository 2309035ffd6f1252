import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { isPlanetLabError } from '@planetlab/model';
import { afterAll, afterEach, expect, it } from 'vitest';

const MAIN = new URL('../../apps/plc/main.ts', import.meta.url).pathname;

interface RunningPlc {
  readonly child: ChildProcess;
  readonly client: Client<typeof plcRoutes>;
  /** What it said on standard error. */
  readonly heard: readonly string[];
}

/** One for all tests: each starts a PLC on what the last one left, its PostgreSQL perhaps still running. */
const folder = mkdtempSync(join(tmpdir(), 'plc-kill-'));
chmodSync(folder, 0o711);
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
afterAll(async () => {
  await command('purge', '--state', state()).exited;
  rmSync(folder, { recursive: true });
});

const state = () => join(folder, 'state');

function command(...args: string[]): {
  child: ChildProcess;
  exited: Promise<number | null>;
  lines: AsyncIterable<string>;
} {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { child, exited, lines: createInterface({ input: child.stderr }) };
}

/** Starts the PLC as a program and waits for its line that it is ready. */
async function start(): Promise<RunningPlc> {
  const { child, lines } = command(
    'run',
    '--state',
    state(),
    '--listen',
    '127.0.0.1:0',
    '--node-listen',
    '127.0.0.1:0',
  );
  children.push(child);
  const heard: string[] = [];
  for await (const line of lines) {
    heard.push(line);
    const url = /^Ready: people at (\S+),/.exec(line)?.[1];
    if (url === undefined) continue;
    child.stderr?.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
    return { child, client: clientOf(url), heard };
  }
  throw new Error(`the PLC did not start:\n${heard.join('\n')}`);
}

function clientOf(url: string): Client<typeof plcRoutes> {
  const token = readFileSync(join(state(), 'bootstrap-admin.token'), 'utf8').trim();
  return createClient(
    plcRoutes,
    withHeaders(fetchTransport(url), () => ({ authorization: `Bearer ${token}` })),
  );
}

const postgresPid = () => Number(readFileSync(join(state(), 'postgres/postmaster.pid'), 'utf8').split('\n')[0]);

/** Makes changes one after another and notes those that were acknowledged, until the PLC is gone. */
async function changeUntilGone(client: Client<typeof plcRoutes>, acknowledged: string[]): Promise<void> {
  const before = (await allSites(client)).size;
  for (let i = before; ; i++) {
    const name = `site${i}`;
    try {
      await client.createSite({ body: { name, title: name } });
      acknowledged.push(name);
    } catch {
      return; // killed: this one was not acknowledged
    }
  }
}

async function allSites(client: Client<typeof plcRoutes>): Promise<Set<string>> {
  const { items } = await client.listSites({ query: { limit: 1000 } });
  return new Set(items.map(({ name }) => name));
}

it.each([
  ['the PLC', (plc: RunningPlc) => plc.child.kill('SIGKILL')],
  [
    'the PLC and its PostgreSQL',
    (plc: RunningPlc) => {
      process.kill(postgresPid(), 'SIGKILL');
      plc.child.kill('SIGKILL');
    },
  ],
])('keeps every acknowledged change when %s is killed in the middle', async (_what, kill) => {
  const first = await start();
  const acknowledged: string[] = [];
  const changing = changeUntilGone(first.client, acknowledged);
  await expect.poll(() => acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(10);
  kill(first);
  await changing;
  const second = await start();
  const sites = await allSites(second.client);
  expect(acknowledged.filter((name) => !sites.has(name))).toEqual([]);
  expect((await second.client.getMe({})).roles).toEqual([{ role: 'admin', site: null }]);
});

it('goes on by itself when only its PostgreSQL is killed', async () => {
  const { client, heard } = await start();
  await client.createSite({ body: { name: 'before', title: 'Before' } });
  const killed = postgresPid();
  process.kill(killed, 'SIGKILL');
  const refusals = new Set<string>();
  // Its backends may answer a little longer than it lives: only a change that succeeds says that it is back.
  const deadline = Date.now() + 60_000; // crash recovery syncs every file, and the disk may be busy
  for (let attempt = 0; ; attempt++) {
    const name = `after${attempt}`;
    const made = await client.createSite({ body: { name, title: 'After' } }).catch((error: unknown) => {
      refusals.add(isPlanetLabError(error) ? error.code : String(error));
      return undefined;
    });
    if (made !== undefined && postgresPid() !== killed) break;
    if (Date.now() > deadline) throw new Error(`the database did not come back:\n${heard.join('')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(await allSites(client)).toContain('before');
  expect(
    [...refusals].filter((code) => code !== 'database_unavailable'),
    'what callers were told meanwhile',
  ).toEqual([]);
});

it('stops in order at SIGTERM, and leaves nothing running', async () => {
  const { child } = await start();
  const pid = postgresPid();
  const exited = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
  const left = existsSync(`/proc/${pid}/cmdline`) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
  expect(left).toBe(''); // one that has ended and waits to be collected has no arguments
});

it('refuses to run twice in one state folder', async () => {
  const { client } = await start();
  await expect(start()).rejects.toThrow(/Another PLC runs with the state folder/);
  expect(await client.health({})).toEqual({ status: 'ok' });
});
