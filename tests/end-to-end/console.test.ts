import { NodeName } from '@planetlab/model';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildConsole, CHROMIUM, launchBrowser, type Visit, visit } from './console-browser.ts';
import { ConsoleServer } from './console-server.ts';
import { type ConsoleWorld, makeWorld, setNode, setSliver } from './console-world.ts';

/** While there is no stream, the console asks this often; and at the latest after this it tries to get one. */
const POLL_MS = 10_000;
const LONGEST_PAUSE_MS = 10_000;

if (CHROMIUM === undefined) console.warn('The console is not tested: there is no Chromium (apt-get install chromium).');

// Without a browser there is nothing to see the page with; the line before says so on the screen.
describe.skipIf(CHROMIUM === undefined)('the console', () => {
  let dist: string;
  let browser: Browser;
  const open: { readonly server: ConsoleServer; readonly visit: Visit }[] = [];
  /** What a test provokes, and so may stand on the page's console. */
  let expected: RegExp | undefined;

  beforeAll(async () => {
    dist = await buildConsole();
    browser = await launchBrowser();
  });

  afterAll(() => browser?.close());

  afterEach(async () => {
    const problems = open.flatMap(({ visit }) => visit.problems).filter((problem) => expected?.test(problem) !== true);
    for (const { server, visit } of open.splice(0)) {
      await visit.context.close();
      await server.stop();
    }
    expected = undefined;
    expect(problems).toEqual([]);
  });

  /** A console on a world, signed in by link. With a clock of its own, a test moves the page's time ahead. */
  const start = async (
    world: ConsoleWorld,
    path = '',
    { ownClock = false } = {},
  ): Promise<{ server: ConsoleServer; page: Page }> => {
    const server = await ConsoleServer.start({ dist, world });
    const opened = await visit(browser, server.url);
    open.push({ server, visit: opened });
    if (ownClock) await opened.page.clock.install();
    await opened.page.goto(server.signInLink());
    await opened.page.getByRole('region', { name: 'Key figures' }).waitFor();
    if (path !== '') await opened.page.goto(`${server.url}/${path}`);
    await opened.page.getByRole('status').getByText('Live').waitFor();
    return { server, page: opened.page };
  };
  const rows = (page: Page) => page.locator('table tbody tr');
  const dot = (page: Page, name: string) => page.locator(`[data-node="${name}"]`);
  const fragment = (page: Page) => new URL(page.url()).hash;

  it('signs in by a link whose code does not stay in the address', async () => {
    const { page, server } = await start(makeWorld({ nodes: 5, healthy: true }));
    expect(page.url()).toBe(`${server.url}/`);
    await page.getByText('Ada Lovelace').waitFor();
    await page.getByText('planetlab.example').waitFor();
  });

  it('shows the same nodes on the map and in the table', async () => {
    const { page } = await start(makeWorld({ nodes: 20 }));
    expect(await rows(page).count()).toBe(20);
    expect(await page.locator('[data-node]').count()).toBe(20);
    await page.getByRole('button', { name: /^lisbon, lisbon, Lisbon, Portugal, not connected, Its uplink/ }).waitFor();
    const row = page.getByRole('row', { name: /^lisbon/ });
    expect(await row.textContent()).toMatch(
      /Lisbon, Portugal[\s\S]*not connected[\s\S]*Its uplink closed 12 minutes ago/,
    );
    const figures = page.getByRole('region', { name: 'Key figures' });
    expect(await figures.textContent()).toMatch(/Nodes in service\s*16\s*\/ 20/);
  });

  it('shows a change that the server pushes, without a reload', async () => {
    const world = makeWorld({ nodes: 5, healthy: true });
    const { page, server } = await start(world);
    await page.evaluate('window.notReloaded = true');
    setNode(world, 'tokyo', {
      state: 'disconnected',
      reason: { code: 'node_unreachable', message: 'Its uplink closed just now.' },
    });
    setSliver(world, 'demo_hello', 'tokyo', { state: 'unreachable' });
    server.push({ type: 'node', name: 'tokyo' }, { type: 'sliver', name: 'demo_hello@tokyo' });
    await page.getByRole('row', { name: /^tokyo .*not connected .*Its uplink closed just now/ }).waitFor();
    await page.getByRole('button', { name: /^tokyo,.*not connected/ }).waitFor();
    const figures = page.getByRole('region', { name: 'Key figures' });
    await expect.poll(() => figures.textContent()).toMatch(/Slivers running\s*9\s*\/ 10/);
    await page.getByTestId('announcer').getByText('tokyo: not connected.').waitFor({ state: 'attached' });
    expect(await page.evaluate('window.notReloaded')).toBe(true);
  });

  it('is walked by keyboard: filter, table, slice, and back', async () => {
    const { page } = await start(makeWorld({ nodes: 20, healthy: true }));
    await page.keyboard.press('/');
    await page.keyboard.type('japan');
    await expect.poll(() => rows(page).count()).toBe(1);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    expect(fragment(page)).toBe('#node=tokyo');
    await page.getByRole('heading', { name: 'Node tokyo' }).waitFor();
    await page.keyboard.press('Escape');
    expect(fragment(page)).toBe('');
    await page.keyboard.press('/');
    await page.keyboard.press('Escape');
    await expect.poll(() => rows(page).count()).toBe(20);
    await page.getByRole('tab', { name: /Slices/ }).press('Enter');
    await rows(page).first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect.poll(() => fragment(page)).toBe('#view=slivers&slice=demo_hello');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    expect(fragment(page)).toMatch(/^#view=slivers&slice=demo_hello&node=/);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    expect(fragment(page)).toBe('#view=slices');
  });

  it('has a node rebooted, or not, by whoever looks after it, and says in place what stands against it', async () => {
    const { server, page } = await start(makeWorld({ nodes: 3, healthy: true }), '#node=zurich');
    await page.getByText('Reboot', { exact: true }).press('Enter');
    const form = page.getByRole('form', { name: 'Reboot zurich' });
    server.rebootRefusal = 'The owner of this machine does not let others reboot it.';
    expected = /403|409|status of/;
    await form.getByLabel(/^Why/).fill('A new kernel');
    await form.getByLabel(/^Why/).press('Enter');
    await form.getByRole('alert').getByText('The owner of this machine').waitFor();
    server.rebootRefusal = undefined;
    await form.getByRole('button', { name: 'Reboot zurich' }).press('Enter');
    const details = page.getByRole('region', { name: 'Details' });
    await details.getByText('To be rebooted', { exact: true }).waitFor();
    expect(await details.getByText('A new kernel').count()).toBe(1);
    expect(await details.getByText('Drained', { exact: true }).count()).toBe(0);
    await details.getByRole('button', { name: 'Do not reboot zurich' }).press('Enter');
    await details.getByText('To be rebooted', { exact: true }).waitFor({ state: 'detached' });
  });

  it('declares interfaces of a node and takes them back, and says in place what is wrong with one', async () => {
    const { page } = await start(makeWorld({ nodes: 3, healthy: true }), '#node=zurich');
    expected = /400|status of/;
    await page.getByText('Interfaces', { exact: true }).press('Enter');
    const form = page.getByRole('form', { name: 'Another interface of zurich' });
    await form.getByLabel('Address').fill('192.0.2.300');
    await form.getByLabel('Address').press('Enter');
    await page.getByRole('region', { name: 'Details' }).getByRole('alert').waitFor();
    await form.getByLabel('Address').fill('192.0.2.7');
    await form.getByLabel('Name in the DNS').fill('n.example.org');
    await form.getByLabel('Name in the DNS').press('Enter');
    const remove = page.getByRole('button', { name: 'Remove 192.0.2.7 from zurich' });
    await remove.waitFor();
    await expect.poll(() => form.getByLabel('Address').inputValue()).toBe('');
    await remove.press('Enter');
    await remove.waitFor({ state: 'detached' });
  });

  it('lets the arrow keys go from node to node on the map', async () => {
    const { page } = await start(makeWorld({ nodes: 5, healthy: true }));
    await dot(page, 'zurich').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.evaluate('document.activeElement.getAttribute("data-node")')).toBe('tokyo');
    await page.keyboard.press('Enter');
    expect(fragment(page)).toBe('#node=tokyo');
    expect(await dot(page, 'tokyo').getAttribute('aria-pressed')).toBe('true');
    expect(await page.locator('[data-node][tabindex="0"]').count()).toBe(1);
    await page.locator('.pl-card').getByText('Tokyo, Japan').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.pl-card').waitFor({ state: 'detached' });
  });

  it('shows a slice from a shared address: its slivers, their reasons, and how to log in', async () => {
    const world = makeWorld({ nodes: 20 });
    const { page } = await start(world, '#slice=demo_hello');
    await page.getByRole('tab', { name: /Slivers of demo_hello/, selected: true }).waitFor();
    const refused = page.getByRole('row', { name: /^helsinki refused .*128 MiB of memory left/ });
    await refused.waitFor();
    await page
      .getByRole('row', { name: /^tokyo running/ })
      .getByText('ssh -p 2222 demo_hello@tokyo.lab')
      .waitFor();
    await page.getByRole('button', { name: /^helsinki, demo_hello is refused there/ }).waitFor();
    await page.goBack();
    expect(fragment(page)).toBe('');
  });

  it('dims what the slice is not on, and joins what it is on', async () => {
    const { page } = await start(makeWorld({ nodes: 20, healthy: true }), '#slice=princeton_codeen');
    await expect.poll(() => page.locator('[data-dimmed="true"]').count()).toBe(7);
    expect(await page.locator('.pl-arcs path').count()).toBe(12);
  });

  it('says when the stream is lost, goes on asking, and catches up when it is back', async () => {
    expected = /status of 500/;
    const world = makeWorld({ nodes: 5, healthy: true });
    const { page, server } = await start(world, '', { ownClock: true });
    server.streamDown = true;
    server.cutStreams();
    await page.getByText('Reconnecting').waitFor();
    setNode(world, 'zurich', { state: 'disconnected', reason: { code: 'node_unreachable', message: 'Cable cut.' } });
    await page.clock.fastForward(POLL_MS);
    await page.getByRole('row', { name: /^zurich .*Cable cut/ }).waitFor();
    await page.getByText('Reconnecting').waitFor();
    setNode(world, 'zurich', { state: 'connected', reason: null });
    server.streamDown = false;
    await page.clock.fastForward(LONGEST_PAUSE_MS);
    await page.getByRole('status').getByText('Live').waitFor();
    await page.getByRole('row', { name: /^zurich .*in service/ }).waitFor();
  });

  it('leads to the sign-in page when the session has ended, and says what to do there', async () => {
    expected = /status of 401/;
    const { page, server } = await start(makeWorld({ nodes: 2, healthy: true }));
    server.forgetSessions();
    server.push({ type: 'node', name: NodeName.parse('princeton') });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByText('pl console').first().waitFor();
    await page.goto(`${server.url}/sign-in#code=used`);
    await page.getByRole('alert').getByText('has been used or is too old').waitFor();
  });

  it('signs out', async () => {
    expected = /status of 401/;
    const { page } = await start(makeWorld({ nodes: 2, healthy: true }));
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('says what to type on an empty planet', async () => {
    const { page } = await start(makeWorld({ nodes: 0 }));
    await page.getByText('pl node create NAME --site SITE').waitFor();
    await page.getByRole('tab', { name: /Slices/ }).click();
    await page.getByText('pl slice create SITE_NAME').waitFor();
  });

  it('says what a simulated VMM means', async () => {
    const { page } = await start(makeWorld({ nodes: 3, simulated: true, healthy: true }));
    await page.getByText('All nodes here run the simulated VMM.').waitFor();
    await page.getByRole('row', { name: /^zurich .*simulated/ }).waitFor();
  });

  it('gives the reasons of what was refused or failed at a hover and as a list', async () => {
    const { page } = await start(makeWorld({ nodes: 20 }));
    const figure = page.getByRole('region', { name: 'Key figures' }).getByRole('button');
    await figure.hover();
    await page.getByRole('tooltip').getByText('128 MiB of memory left').waitFor();
    await page
      .getByRole('region', { name: 'Details' })
      .getByRole('button', { name: /demo_hello refused on/ })
      .click();
    expect(fragment(page)).toBe('#view=slivers&slice=demo_hello');
  });

  it('keeps the colours that were chosen', async () => {
    const { page } = await start(makeWorld({ nodes: 1, healthy: true }));
    const scheme = () => page.evaluate('document.documentElement.dataset.mantineColorScheme');
    expect(await scheme()).toBe('light');
    await page.getByRole('button', { name: 'Switch to dark colours' }).click();
    await expect.poll(scheme).toBe('dark');
    await page.reload();
    await expect.poll(scheme).toBe('dark');
  });

  it('works with a thousand nodes, read in pages', async () => {
    const world = makeWorld({ nodes: 1300 });
    const { page, server } = await start(world);
    await expect.poll(() => page.locator('[data-node]').count(), { timeout: 30_000 }).toBe(1300);
    expect(await rows(page).count()).toBe(200);
    setNode(world, 'tokyo', { reason: { code: 'clock_skew', message: 'Its clock is off.' } });
    server.push({ type: 'node', name: 'tokyo' });
    // by the push: by itself it asks only every minute
    await page.getByRole('button', { name: /^tokyo,.*Its clock is off/ }).waitFor({ timeout: 30_000 });
  });

  it('fits a telephone', async () => {
    const { page } = await start(makeWorld({ nodes: 20 }), '#slice=demo_hello');
    await page.setViewportSize({ width: 420, height: 800 });
    await expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(420);
  });
});
