import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildConsole, CHROMIUM, launchBrowser, visit } from './console-browser.ts';
import { type Institution, startInstitution } from './oidc-institution.ts';

const PLC_MAIN = join(import.meta.dirname, '../../apps/plc/main.ts');
const isRoot = process.getuid?.() === 0;
const missing = CHROMIUM === undefined ? 'there is no Chromium' : isRoot ? undefined : 'PostgreSQL wants root to start';
if (missing !== undefined) console.warn(`The console is not tested on a real PLC: ${missing}.`);

// Without a browser or without root there is no page or no PLC; the line before says which, on the screen.
describe.skipIf(missing !== undefined)('the console on a real PLC', () => {
  let folder: string;
  let plc: ChildProcess;
  let url: string;
  let admin: Client<typeof plcRoutes>;
  let browser: Browser;
  let institution: Institution;

  beforeAll(async () => {
    institution = await startInstitution();
    folder = await mkdtemp(join(tmpdir(), 'planetlab-console-plc-'));
    await chmod(folder, 0o711); // the database's account passes through
    const state = join(folder, 'state');
    // by name: browsers know no passkeys at an address
    const listen = ['--listen', 'localhost:0', '--node-listen', '127.0.0.1:0'];
    const identity = ['--authority', 'test.example', '--admin-email', 'ada@example.org'];
    const { issuer, clientId, clientSecret } = institution;
    const oidc = ['--oidc-issuer', issuer, '--oidc-client-id', clientId, '--oidc-label', 'Example University'];
    const args = [
      PLC_MAIN,
      'run',
      '--state',
      state,
      '--console',
      await buildConsole(),
      ...listen,
      ...identity,
      ...oidc,
    ];
    plc = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PLANETLAB_PLC_OIDC_CLIENT_SECRET: clientSecret },
    });
    url = await readyUrl(plc);
    institution.open(`${url}/sign-in/oidc`);
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
    await institution?.[Symbol.asyncDispose]();
    if (plc?.exitCode === null) {
      const ended = once(plc, 'exit');
      plc.kill('SIGTERM');
      await ended;
    }
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
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

  /** The link in the newest mail of a kind, as an admin finds it in the outbox. */
  const linkFor = async (to: string, kind: string): Promise<string> => {
    const { items } = await admin.listMails({ query: {} });
    const text = items.find((mail) => mail.to === to && mail.kind === kind)?.text ?? '';
    return /https?:\/\/\S+/.exec(text)?.[0] ?? `no link in ${text}`;
  };
  const PASSWORD = 'correct horse battery';
  const signIn = async (page: Page, email: string, password: string) => {
    await page.getByLabel('Mail address').fill(email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };

  it('lets somebody sign up, whom an admin approves, and who then signs in by password', async () => {
    await admin.createSite({ body: { name: 'eth', title: 'ETH Zürich' } });
    const guest = await visit(browser, url);
    await guest.page.goto(`${url}/sign-up`);
    await guest.page.getByLabel('Full name').fill('Grace Hopper');
    await guest.page.getByLabel('Mail address at your institution').fill('grace@example.org');
    await guest.page.getByLabel('Site').selectOption('eth');
    await guest.page.getByRole('button', { name: 'Sign up' }).click();
    await guest.page.getByText('A mail is on its way to grace@example.org').waitFor();
    await guest.page.goto(await linkFor('grace@example.org', 'sign-up.started'));
    expect(guest.page.url()).toBe(`${url}/confirm`); // the code is gone from the address
    await guest.page.getByLabel('New password').fill(PASSWORD);
    await guest.page.getByRole('button', { name: 'Ask for the account' }).click();
    await guest.page.getByText('Your mail address is proven.').waitFor();

    const host = await visit(browser, url);
    await host.page.goto((await admin.createSignInLink({})).url);
    await host.page.getByRole('link', { name: 'People' }).click();
    await host.page.getByRole('button', { name: 'Approve grace@example.org' }).click();
    await host.page.getByRole('row', { name: 'Grace Hopper grace@example.org user at eth enabled' }).click();
    await host.page.getByRole('button', { name: 'Disable Grace Hopper' }).waitFor();
    await host.page.getByText('Nobody waits.').waitFor();
    expect(host.problems).toEqual([]);
    await host.context.close();

    await guest.page.getByRole('link', { name: 'Go to signing in' }).click();
    await signIn(guest.page, 'grace@example.org', PASSWORD);
    await guest.page.getByRole('status').getByText('Live').waitFor();
    await guest.page.getByText('Grace Hopper').waitFor();
    // that nobody was signed in at first is said on the page's console too
    expect(guest.problems.filter((problem) => !problem.includes('401'))).toEqual([]);
    await guest.context.close();
  });

  it('signs in by a passkey that was added on the account page', async () => {
    const { page, context } = await visit(browser, url);
    const devtools = await context.newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    const options = { protocol: 'ctap2', transport: 'internal' } as const;
    const abilities = { hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: { ...options, ...abilities, automaticPresenceSimulation: true },
    });
    await page.goto((await admin.createSignInLink({})).url);
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByLabel('Name of the passkey').fill('my laptop');
    await page.getByRole('button', { name: 'Add a passkey' }).click();
    await page.getByRole('button', { name: 'Remove my laptop' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    await page.getByRole('status').getByText('Live').waitFor();
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByRole('region', { name: 'Sessions' }).getByText('signed in by passkey').waitFor();
    await context.close();
  });

  it('lets a program in that shows its code, after signing in; and takes another mail address', async () => {
    const post = (path: string, body: unknown) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const started = plcRoutes.startDeviceSignIn.reply.schema.parse(
      await (await post('/v1/device-sign-ins', { label: 'pl on laptop', scopes: ['read'] })).json(),
    );
    const { page, context } = await visit(browser, url);
    await page.goto(started.verificationUriComplete);
    await signIn(page, 'grace@example.org', PASSWORD);
    await page.getByText('pl on laptop wants to read what you may see').waitFor();
    await page.getByText(started.userCode).waitFor();
    await page.getByRole('button', { name: 'Let it act as me' }).click();
    await page.getByText('It is signed in.').waitFor();
    const taken = await post('/v1/device-sign-ins/token', { deviceCode: started.deviceCode });
    expect(await taken.json()).toMatchObject({ label: 'pl on laptop', scopes: ['read'] });

    await page.goto(`${url}/account`);
    const section = page.getByRole('region', { name: 'Mail address' });
    await section.getByLabel('New mail address').fill('hopper@example.org');
    await section.getByLabel('Your password').fill(PASSWORD);
    await section.getByRole('button', { name: 'Change the mail address' }).click();
    await page.getByText('A link was mailed to the new address.').waitFor();
    const objection = await linkFor('grace@example.org', 'address.asked');
    await page.goto(await linkFor('hopper@example.org', 'address.confirm'));
    await page.getByRole('button', { name: 'Take this address' }).click();
    await page.getByText('Your mail address is hopper@example.org now.').waitFor();
    await page.goto(objection);
    await page.getByRole('button', { name: 'It was not me: keep the address' }).click();
    await page.getByText('Your account keeps its mail address.').waitFor();
    expect(await admin.getPerson({ params: { person: 'grace@example.org' } })).toMatchObject({ enabled: true });
    await context.close();
  });

  it('signs in with an account of an institution that vouches for the mail address', async () => {
    await admin.createPerson({ body: { email: 'alan@example.org', name: 'Alan Turing' } });
    // what was not begun here, or in another browser, is not finished here
    const ask = (path: string, body: unknown) =>
      fetch(url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { url: there } = plcRoutes.startOidcSignIn.reply.schema.parse(
      await (await ask('/v1/sessions/oidc-challenges', {})).json(),
    );
    const at = new URL(there).searchParams;
    expect([at.get('code_challenge_method'), at.get('nonce') !== null]).toEqual(['S256', true]);
    for (const state of ['made-up', at.get('state')]) {
      const refused = await ask('/v1/sessions/oidc', { query: `?code=x&state=${state}` });
      expect(await refused.json()).toMatchObject({ status: 401, code: 'sign_in_failed' });
    }
    const { page, context } = await visit(browser, url);
    const through = async (account: string) => {
      await page.goto(`${url}/sign-in`);
      await page.getByRole('button', { name: 'Sign in with Example University' }).click();
      await page.locator('input[name=login]').fill(account);
      await page.locator('input[name=password]').fill('anything');
      await page.locator('button[type=submit]').click();
      await page.getByRole('button', { name: 'Continue' }).click();
    };
    await through('alan@example.org');
    await page.getByText('Alan Turing').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await context.clearCookies();
    await through('unproven@example.org');
    await page.getByText('does not vouch for your mail address').waitFor();
    await context.clearCookies();
    await through('stranger@example.org');
    await page.getByText('There is no account for stranger@example.org').waitFor();
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
