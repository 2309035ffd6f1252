import type { Site } from '@planetlab/contract';
import { leaf } from '../leaf.ts';
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
          ['Nodes', String(found.nodes)],
          ['Slices', String(found.slices)],
          ['Registered', relativeTime(found.createdAt, invocation.print.view.nowMs)],
        ]);
      }),
  );
};
