import type { SliceTag } from '@planetlab/contract';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { keyValue } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { orDash } from '../output/times.ts';
import { withClient } from '../session/client.ts';

export function registerNodeTags(node: Command, io: Io): void {
  leaf(
    node.command('tag <name> <tag=value>'),
    io,
    { summary: 'give a node a tag', example: 'pl node tag planetlab1.eth rack=7' },
    (invocation, name: string, text: string) => {
      const { key, value } = keyValue(text);
      return withClient(invocation, async ({ client }) => {
        const found = await client.setNodeTag({ params: { node: name, tag: key }, body: { value } });
        invocation.print.done(found, `${name} has ${key}=${value}.`);
      });
    },
  );
  leaf(
    node.command('untag <name> <tag>'),
    io,
    { summary: 'take a tag from a node', example: 'pl node untag planetlab1.eth rack' },
    (invocation, name: string, tag: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.deleteNodeTag({ params: { node: name, tag } });
        const inherited = found.tags[tag];
        const after = inherited === undefined ? '' : ` It inherits ${tag}=${inherited} from a group.`;
        invocation.print.done(found, `${name} has no tag ${tag} of its own.${after}`);
      }),
  );
}

interface Scope {
  readonly group?: string;
  readonly node?: string;
}

const COLUMNS: readonly Column<SliceTag>[] = [
  { head: 'TAG', cell: (tag) => tag.key },
  { head: 'VALUE', cell: (tag) => tag.value },
  { head: 'GROUP', cell: (tag) => orDash(tag.group) },
  { head: 'NODE', cell: (tag) => orDash(tag.node) },
];

const scoped = (command: Command): Command =>
  command
    .option('--group <group>', 'only for slivers on nodes of this group')
    .option('--node <node>', 'only for the sliver on this node');

export function registerSliceTags(slice: Command, io: Io): void {
  leaf(
    slice.command('tags <name>'),
    io,
    { summary: 'tags of a slice and its slivers', example: 'pl slice tags princeton_codeen' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const { items } = await client.listSliceTags({ params: { slice: name } });
        invocation.print.list(items, COLUMNS, `${name} has no tags.`);
      }),
  );
  leaf(
    scoped(slice.command('tag <name> <tag=value>')),
    io,
    {
      summary: 'give a slice a tag; a sliver’s own wins over a group’s, and that over the slice’s',
      example: 'pl slice tag princeton_codeen cache=large --group fast',
    },
    (invocation, name: string, text: string, scope: Scope) => {
      const { key, value } = keyValue(text);
      return withClient(invocation, async ({ client }) => {
        const body = { value, group: scope.group, node: scope.node };
        const set = await client.setSliceTag({ params: { slice: name, tag: key }, body });
        invocation.print.done(set, `${name} has ${key}=${value}.`);
      });
    },
  );
  leaf(
    scoped(slice.command('untag <name> <tag>')),
    io,
    { summary: 'take a tag from a slice', example: 'pl slice untag princeton_codeen cache --group fast' },
    (invocation, name: string, tag: string, scope: Scope) =>
      withClient(invocation, async ({ client }) => {
        const query = { group: scope.group, node: scope.node };
        await client.deleteSliceTag({ params: { slice: name, tag }, query });
        invocation.print.done({}, `${name} no longer has that tag.`);
      }),
  );
}
