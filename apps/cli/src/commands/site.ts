import type { Site } from '@planetlab/contract';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { wholeNumber } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';

const COLUMNS: readonly Column<Site>[] = [
  { head: 'NAME', cell: (site) => site.name },
  { head: 'NODES', cell: (site) => String(site.nodes) },
  { head: 'SLICES', cell: (site) => String(site.slices) },
  { head: 'TITLE', cell: (site) => site.title },
];

export const register: Register = (site, io) => {
  leaf(
    site.command('create <name>').requiredOption('--title <title>', 'full name of the institution'),
    io,
    { summary: 'register a site', example: 'pl site create princeton --title "Princeton University"' },
    (invocation, name: string, options: { title: string }) =>
      withClient(invocation, async ({ client }) => {
        const made = await client.createSite({ body: { name, title: options.title } });
        invocation.print.done(made, `Site ${made.name} is registered.`);
      }),
  );
  leaf(site.command('list'), io, { summary: 'all sites', example: 'pl site list' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const sites = await allPages((after) => client.listSites({ query: { after } }));
      invocation.print.list(sites, COLUMNS, 'There are no sites. Register one with `pl site create`.');
    }),
  );
  leaf(
    site.command('show <name>'),
    io,
    { summary: 'one site', example: 'pl site show princeton' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getSite({ params: { site: name } });
        invocation.print.record(found, [
          ['Site', found.name],
          ['Title', found.title],
          ['URL', found.url === '' ? undefined : found.url],
          ['Place', found.place === null ? undefined : `${found.place.city}, ${found.place.country}`],
          ['Nodes', String(found.nodes)],
          ['Slices', `${found.slices} of at most ${found.maxSlices}`],
          ['No new slices', found.closed === null ? undefined : { text: found.closed.message, color: 'yellow' }],
          ['Registered', relativeTime(found.createdAt, invocation.print.view.nowMs)],
        ]);
      }),
  );
  registerSet(site, io);
};

interface SetOptions {
  readonly title?: string;
  readonly url?: string;
  readonly maxSlices?: number | null;
}

function registerSet(site: Command, io: Io): void {
  leaf(
    site
      .command('set <name>')
      .option('--title <title>', 'full name of the institution')
      .option('--url <url>', 'where people read more about it')
      .option('--max-slices <count>', 'most slices at once, or "usual"; by admins', limitOrUsual),
    io,
    {
      summary: 'change what is known of a site, and its limit of slices',
      example: 'pl site set princeton --url https://www.princeton.edu --max-slices 20',
    },
    (invocation, name: string, { title, url, maxSlices }: SetOptions) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.changeSite({ params: { site: name }, body: { title, url, maxSlices } });
        invocation.print.done(changed, `Site ${changed.name} is changed.`);
      }),
  );
}

const limitOrUsual = (text: string): number | null => (text === 'usual' ? null : wholeNumber(text));
