import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const CHROMIUM = PLACES.find((path) => existsSync(path));

/** Builds the console as it stands into a folder of its own, which the caller removes. */
export async function buildConsole(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'planetlab-console-'));
  const configFile = join(import.meta.dirname, '../../apps/console/vite.config.ts');
  await build({ configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
  return folder;
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
