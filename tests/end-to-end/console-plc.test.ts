import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildConsole, CHROMIUM, launchBrowser, visit } from './console-browser.ts';

const PLC_MAIN = join(import.meta.dirname, '../../apps/plc/main.ts');
const isRoot = process.getuid?.() === 0;
const missing = CHROMIUM === undefined ? 'there is no Chromium' : isRoot ? undefined : 'PostgreSQL wants root to start';
if (missing !== undefined) console.warn(`The console is not tested on a real PLC: ${missing}.`);

// Without a browser or without root there is no page or no PLC; the line before says which, on the screen.
describe.skipIf(missing !== undefined)('the console on a real PLC', () => {
  let dist: string;
  let folder: string;
  let plc: ChildProcess;
  let url: string;
  let admin: Client<typeof plcRoutes>;
  let browser: Browser;

  beforeAll(async () => {
    dist = await buildConsole();
    folder = await mkdtemp(join(tmpdir(), 'planetlab-console-plc-'));
    await chmod(folder, 0o711); // the database's account passes through
    const state = join(folder, 'state');
    const listen = ['--listen', '127.0.0.1:0', '--node-listen', '127.0.0.1:0'];
    const identity = ['--authority', 'test.example', '--admin-email', 'ada@example.org'];
    plc = spawn(process.execPath, [PLC_MAIN, 'run', '--state', state, '--console', dist, ...listen, ...identity], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    url = await readyUrl(plc);
    const token = (await readFile(join(state, 'bootstrap-admin.token'), 'utf8')).trim();
    const headers = { authorization: `Bearer ${token}` };
    admin = createClient(
      plcRoutes,
      withHeaders(fetchTransport(url), () => headers),
    );
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    if (plc?.exitCode === null) {
      const ended = once(plc, 'exit');
      plc.kill('SIGTERM');
      await ended;
    }
    for (const path of [dist, folder]) if (path !== undefined) await rm(path, { recursive: true, force: true });
  });

  it('signs in by its link, shows a change as it happens, and signs out', async () => {
    await admin.createSite({ body: { name: 'demo', title: 'Demo' } });
    const place = { city: 'Tokyo', country: 'JP', latitude: 35.7, longitude: 139.7 };
    await admin.createNode({ body: { name: 'tokyo', site: 'demo', place } });
    await admin.createSlice({ body: { name: 'demo_hello', description: 'Says hello' } });
    const { page, context, problems } = await visit(browser, url);
    await page.goto((await admin.createSignInLink({})).url);
    await page.getByRole('status').getByText('Live').waitFor();
    expect(page.url()).toBe(`${url}/`);
    await page.getByText('test.example').waitFor();
    await page.getByRole('row', { name: /^tokyo demo Tokyo, Japan has not joined .*pl node invite tokyo/ }).waitFor();
    await admin.addSlivers({ params: { slice: 'demo_hello' }, body: { nodes: ['tokyo'] } });
    await page.getByRole('button', { name: /^tokyo, .* 1 sliver$/ }).waitFor();
    await page.goto(`${url}/#slice=demo_hello`);
    await page.getByRole('row', { name: /^tokyo unreachable/ }).waitFor();
    expect(problems).toEqual([]);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await context.close();
  });
});

/** The address that the PLC says it is ready at; with what it wrote instead when it ends. */
async function readyUrl(plc: ChildProcess): Promise<string> {
  let written = '';
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  for (const stream of [plc.stdout, plc.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      written += chunk.toString();
      const address = /Ready: people at (http:\/\/[^\s,]+)/.exec(written)?.[1];
      if (address !== undefined) resolve(address);
    });
  }
  plc.once('exit', (code) => reject(new Error(`The PLC ended with ${code}: ${written}`)));
  return promise;
}
