import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemRunner } from '@planetlab/linux';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM = PLACES.find((path) => existsSync(path));

/** The folder of the console as it stands: built anew where its sources have changed, by what `npm run lab` does that with. */
export async function buildConsole(): Promise<string> {
  const root = join(import.meta.dirname, '../..');
  await systemRunner.run({
    argv: ['sh', '-ec', '. tools/setup/lib.sh; ensure_console'],
    cwd: root,
    timeoutMs: 300_000,
  });
  return join(root, 'apps/console/dist');
}

/** Nothing but the page itself goes to the network. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({ headless: true, args: ARGUMENTS, ...(CHROMIUM === undefined ? {} : { executablePath: CHROMIUM }) });

/** A page with a session of its own, and everything that it did not like. */
export interface Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the page, on its console (violations of its policy are among them), and requests that left its server. */
  readonly problems: readonly string[];
}

export async function visit(browser: Browser, serverUrl: string): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, reducedMotion: 'reduce' });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${serverUrl}/`) && !url.startsWith('data:')) problems.push(`request to ${url}`);
  });
  return { page, context, problems };
}
