import type { Slice } from '@planetlab/contract';
import { type Instant, type PortBinding, toInstant } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { duration, instant, portBindings, several } from '../options.ts';
import type { Column, Field, View } from '../output/printer.ts';
import { fullTime, relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';
import { type LimitOptions, limitOptions, limitsIn, limitsOf } from '../slices/limits.ts';
import { usageError } from '../usage.ts';
import { registerSliceLife } from './slice-life.ts';
import { registerSliceNodes } from './slice-nodes.ts';
import { registerSlicePersons } from './slice-persons.ts';
import { registerSliceSet } from './slice-set.ts';
import { registerSliceTags } from './tags.ts';

const COLUMNS: readonly Column<Slice>[] = [
  { head: 'NAME', cell: (slice) => slice.name },
  {
    head: 'RUNNING',
    cell: (slice) => ({
      text: `${slice.running} of ${slice.slivers}`,
      color: slice.running === slice.slivers ? undefined : 'yellow',
    }),
  },
  { head: 'PERSONS', cell: (slice) => String(slice.persons.length) },
  { head: 'IMAGE', cell: (slice) => slice.image },
  { head: 'ENDS', cell: (slice, view) => relativeTime(slice.expiresAt, view.nowMs) },
  { head: 'DESCRIPTION', cell: (slice) => slice.description },
];

export const register: Register = (slice, io) => {
  registerCreate(slice, io);
  leaf(slice.command('list'), io, { summary: 'slices you may see', example: 'pl slice list' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const slices = await allPages((after) => client.listSlices({ query: { after } }));
      invocation.print.list(slices, COLUMNS, 'There are no slices. Make one with `pl slice create SITE_NAME`.');
    }),
  );
  leaf(
    slice.command('show <name>'),
    io,
    { summary: 'one slice', example: 'pl slice show princeton_codeen' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getSlice({ params: { slice: name } });
        invocation.print.record(found, sliceFields(found, invocation.print.view));
      }),
  );
  registerRenew(slice, io);
  registerSliceSet(slice, io);
  leaf(
    slice.command('delete <name>'),
    io,
    { summary: 'delete a slice and end its slivers', example: 'pl slice delete princeton_codeen' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        await client.deleteSlice({ params: { slice: name } });
        invocation.print.done({}, `Slice ${name} is deleted; its slivers are ending.`);
      }),
  );
  registerSliceNodes(slice, io);
  registerSlicePersons(slice, io);
  registerSliceLife(slice, io);
  registerSliceTags(slice, io);
};

interface CreateOptions extends LimitOptions {
  readonly description?: string;
  readonly url?: string;
  readonly image?: string;
  readonly port?: PortBinding[];
  readonly person?: string[];
}

function registerCreate(slice: Command, io: Io): void {
  leaf(
    limitOptions(slice.command('create <name>'))
      .option('--description <text>', 'what it is for')
      .option('--url <url>', 'where people read more about it')
      .option('--image <image>', 'what its slivers start from, such as debian-12')
      .option('--port <port>', 'a port of each node, such as tcp/80; can be given again', portBindings)
      .option('--person <email>', 'who may use it besides you; can be given again', several),
    io,
    {
      summary: 'create a slice, named SITE_NAME; it lives two weeks unless renewed',
      example: 'pl slice create princeton_codeen --description "Content distribution" --memory 512M',
    },
    (invocation, name: string, options: CreateOptions) =>
      withClient(invocation, async ({ client }) => {
        const { description, url, image, person, port } = options;
        const made = await client.createSlice({
          body: { name, description, url, image, persons: person, resources: { ...limitsIn(options), ports: port } },
        });
        const ends = relativeTime(made.expiresAt, invocation.print.view.nowMs);
        invocation.print.done(made, `Slice ${made.name} is there; it ends ${ends}.`);
        invocation.print.note(`Put it on nodes with: pl slice add-node ${made.name} --all`);
      }),
  );
}

function registerRenew(slice: Command, io: Io): void {
  leaf(
    slice
      .command('renew <name>')
      .option('--for <time>', 'from now on, such as 4w', duration)
      .option('--until <date>', 'such as 2026-12-24 (its beginning in UTC)', instant),
    io,
    {
      summary: 'move the end of a slice, at most eight weeks ahead',
      example: 'pl slice renew princeton_codeen --for 4w',
    },
    (invocation, name: string, options: { for?: number; until?: Instant }) => {
      if ((options.for === undefined) === (options.until === undefined)) {
        throw usageError('Say how long, with either --for 4w or --until DATE.');
      }
      const expiresAt = options.until ?? toInstant(io.now() + (options.for ?? 0));
      return withClient(invocation, async ({ client }) => {
        const renewed = await client.renewSlice({ params: { slice: name }, body: { expiresAt } });
        const ends = fullTime(renewed.expiresAt, invocation.print.view.nowMs);
        invocation.print.done(renewed, `Slice ${renewed.name} now ends ${ends}.`);
      });
    },
  );
}

const sliceFields = (slice: Slice, view: View): readonly Field[] => [
  ['Slice', slice.name],
  ['Site', slice.site],
  ['Description', slice.description === '' ? undefined : slice.description],
  ['URL', slice.url === '' ? undefined : slice.url],
  ['Image', slice.image],
  ...limitsOf(slice.resources),
  ...slice.suspensions.map(({ reason, by }): Field => ['Suspended', { text: `${reason} (${by})`, color: 'yellow' }]),
  ['Slivers', `${slice.running} of ${slice.slivers} running`],
  ['Node limit', slice.maxNodes === null ? undefined : String(slice.maxNodes)],
  ['First runs', slice.initialCommand === '' ? undefined : slice.initialCommand],
  ['Persons', slice.persons.join(', ')],
  ['Created', relativeTime(slice.createdAt, view.nowMs)],
  ['Ends', fullTime(slice.expiresAt, view.nowMs)],
];
