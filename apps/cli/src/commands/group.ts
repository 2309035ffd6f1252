import type { NodeGroup } from '@planetlab/contract';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { keyValue } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { orDash } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';

const tagsText = (tags: NodeGroup['tags']): string =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');

const COLUMNS: readonly Column<NodeGroup>[] = [
  { head: 'NAME', cell: (group) => group.name },
  { head: 'SITE', cell: (group) => orDash(group.site) },
  { head: 'NODES', cell: (group) => String(group.nodes.length) },
  { head: 'TAGS', cell: (group) => orDash(tagsText(group.tags)) },
  { head: 'DESCRIPTION', cell: (group) => group.description },
];

export const register: Register = (group, io) => {
  registerLife(group, io);
  registerMembers(group, io);
  registerTags(group, io);
};

function registerLife(group: Command, io: Io): void {
  leaf(
    group
      .command('create <name>')
      .option('--site <site>', 'whose group it is; without, of the authority')
      .option('--description <text>', 'what its nodes have in common'),
    io,
    { summary: 'make a group of nodes', example: 'pl group create fast --site eth --description "10 Gbit/s"' },
    (invocation, name: string, { site, description }: { site?: string; description?: string }) =>
      withClient(invocation, async ({ client }) => {
        const made = await client.createGroup({ body: { name, site: site ?? null, description } });
        invocation.print.done(made, `Group ${made.name} is there.`);
        invocation.print.note(`Put nodes into it with: pl group add-node ${made.name} NODE`);
      }),
  );
  leaf(group.command('list'), io, { summary: 'groups of nodes', example: 'pl group list' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const groups = await allPages((after) => client.listGroups({ query: { after } }));
      invocation.print.list(groups, COLUMNS, 'There are no groups. Make one with `pl group create`.');
    }),
  );
  leaf(
    group.command('show <name>'),
    io,
    { summary: 'one group: its nodes and tags', example: 'pl group show fast' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getGroup({ params: { group: name } });
        invocation.print.record(found, [
          ['Group', found.name],
          ['Site', orDash(found.site)],
          ['Description', found.description === '' ? undefined : found.description],
          ['Tags', orDash(tagsText(found.tags))],
          ['Nodes', orDash(found.nodes.join(', '))],
        ]);
      }),
  );
  leaf(
    group.command('delete <name>'),
    io,
    { summary: 'delete a group; its nodes stay', example: 'pl group delete fast' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        await client.deleteGroup({ params: { group: name } });
        invocation.print.done({}, `Group ${name} is deleted.`);
      }),
  );
}

function registerMembers(group: Command, io: Io): void {
  leaf(
    group.command('add-node <name> <node>'),
    io,
    { summary: 'put a node into a group', example: 'pl group add-node fast planetlab1.eth' },
    (invocation, name: string, node: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.addNodeToGroup({ params: { group: name, node } });
        invocation.print.done(changed, `${node} is in ${name}.`);
      }),
  );
  leaf(
    group.command('remove-node <name> <node>'),
    io,
    { summary: 'take a node out of a group', example: 'pl group remove-node fast planetlab1.eth' },
    (invocation, name: string, node: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.removeNodeFromGroup({ params: { group: name, node } });
        invocation.print.done(changed, `${node} is not in ${name}.`);
      }),
  );
}

function registerTags(group: Command, io: Io): void {
  leaf(
    group.command('tag <name> <tag=value>'),
    io,
    { summary: 'give a group a tag, which its nodes inherit', example: 'pl group tag fast link=10G' },
    (invocation, name: string, text: string) => {
      const { key, value } = keyValue(text);
      return withClient(invocation, async ({ client }) => {
        const changed = await client.setGroupTag({ params: { group: name, tag: key }, body: { value } });
        invocation.print.done(changed, `Nodes of ${name} inherit ${key}=${value}.`);
      });
    },
  );
  leaf(
    group.command('untag <name> <tag>'),
    io,
    { summary: 'take a tag from a group', example: 'pl group untag fast link' },
    (invocation, name: string, tag: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.deleteGroupTag({ params: { group: name, tag } });
        invocation.print.done(changed, `Group ${name} has no tag ${tag}.`);
      }),
  );
}
