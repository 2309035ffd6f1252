import { availabilityInWords, type NodeFacts, type PlcNode, useInWords, wayInWords } from '@planetlab/contract';
import { formatKbps, formatMiB, type Place } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { decimal } from '../options.ts';
import type { Column, Field, View } from '../output/printer.ts';
import { reasonLine } from '../output/reasons.ts';
import { nodeState } from '../output/states.ts';
import { orDash, relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';
import { registerNodeInterfaces } from './node-interfaces.ts';
import { registerNodeJoin } from './node-join.ts';
import { registerNodeSelect } from './node-select.ts';
import { registerNodeService, whyLine } from './node-service.ts';
import { registerNodeTags } from './tags.ts';

const placeText = (place: Place | null): string => (place === null ? '-' : `${place.city}, ${place.country}`);

const COLUMNS: readonly Column<PlcNode>[] = [
  { head: 'NAME', cell: (node) => node.name },
  { head: 'SITE', cell: (node) => node.site },
  { head: 'PLACE', cell: (node) => placeText(node.place) },
  { head: 'STATE', cell: (node, view) => nodeState(node.state, view.symbols) },
  { head: 'SLIVERS', cell: (node) => String(node.slivers) },
  {
    head: 'SEEN',
    cell: (node, view) => (node.lastSeenAt === null ? 'never' : relativeTime(node.lastSeenAt, view.nowMs)),
  },
  { head: 'REASON', cell: (node) => orDash(reasonLine(node.reason)) },
];

export const register: Register = (node, io) => {
  registerCreate(node, io);
  registerNodeJoin(node, io);
  registerNodeService(node, io);
  registerNodeTags(node, io);
  registerNodeInterfaces(node, io);
  registerNodeSelect(node, io);
  leaf(
    node.command('list').option('--site <site>', 'only of this site'),
    io,
    { summary: 'nodes, and why one is not in service', example: 'pl node list --site princeton' },
    (invocation, { site }: { site?: string }) =>
      withClient(invocation, async ({ client }) => {
        const nodes = await allPages((after) => client.listNodes({ query: { site, after } }));
        invocation.print.list(nodes, COLUMNS, 'There are no nodes. Register one with `pl node create`.');
      }),
  );
  leaf(
    node.command('show <name>').option('--why', 'only why it is not in service, in a sentence'),
    io,
    { summary: 'one node: where, what it has, what it lacks', example: 'pl node show planetlab1.eth' },
    (invocation, name: string, { why }: { why?: true }) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getNode({ params: { node: name } });
        if (why === true)
          return invocation.print.done({ node: name, reason: found.reason, why: whyLine(found) }, whyLine(found));
        invocation.print.record(found, nodeFields(found, invocation.print.view));
      }),
  );
  leaf(
    node.command('delete <name>'),
    io,
    { summary: 'forget a node and end its slivers', example: 'pl node delete planetlab1.eth' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        await client.deleteNode({ params: { node: name } });
        invocation.print.done({}, `Node ${name} is forgotten; its slivers are ending.`);
      }),
  );
};

interface CreateOptions {
  readonly site: string;
  readonly city?: string;
  readonly country?: string;
  readonly latitude?: number;
  readonly longitude?: number;
}

function registerCreate(node: Command, io: Io): void {
  leaf(
    node
      .command('create <name>')
      .requiredOption('--site <site>', 'the site it belongs to')
      .option('--city <city>', 'where it stands')
      .option('--country <code>', 'two letters, such as CH')
      .option('--latitude <degrees>', 'north is positive', decimal)
      .option('--longitude <degrees>', 'east is positive', decimal),
    io,
    {
      summary: 'register a node ahead of its arrival',
      example: 'pl node create planetlab1.eth --site eth --city Zürich --country CH --latitude 47.37 --longitude 8.54',
    },
    (invocation, name: string, options: CreateOptions) => {
      const place = placeOf(options);
      return withClient(invocation, async ({ client }) => {
        const made = await client.createNode({ body: { name, site: options.site, place } });
        invocation.print.done(made, `Node ${made.name} is registered.`);
        invocation.print.note(`Let the machine join with: pl node invite ${made.name}`);
      });
    },
  );
}

function placeOf({ city, country, latitude, longitude }: CreateOptions): Place | null {
  if (city === undefined && country === undefined && latitude === undefined && longitude === undefined) return null;
  if (city === undefined || country === undefined || latitude === undefined || longitude === undefined) {
    throw usageError('A place needs all of --city, --country, --latitude and --longitude.');
  }
  return { city, country: country.toUpperCase(), latitude, longitude };
}

const nodeFields = (node: PlcNode, view: View): readonly Field[] => [
  ['Node', node.name],
  ['Id', node.id],
  ['Site', node.site],
  ['Place', placeText(node.place)],
  ['State', nodeState(node.state, view.symbols)],
  ['Reason', node.reason === null ? undefined : reasonLine(node.reason)],
  ['Run level', node.runLevel],
  ['Drained', decided(node.drain)],
  ['Quarantine', decided(node.quarantine)],
  ['Reboot', decided(node.reboot)],
  ['Groups', node.groups.length === 0 ? undefined : node.groups.join(', ')],
  ['Tags', Object.keys(node.tags).length === 0 ? undefined : tagsLine(node.tags)],
  ['Interfaces', node.interfaces.length === 0 ? undefined : node.interfaces.map(({ address }) => address).join(', ')],
  ['Seen', node.lastSeenAt === null ? 'never' : relativeTime(node.lastSeenAt, view.nowMs)],
  ['Slivers', String(node.slivers)],
  ...(node.facts === null ? [] : factFields(node.facts, view)),
  ...sensorFields(node, view),
];

const decided = (decision: PlcNode['drain']): string | undefined =>
  decision === null ? undefined : `${decision.reason} (${decision.by})`;

const tagsLine = (tags: PlcNode['tags']): string =>
  Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');

const sensorFields = ({ facts, measured, availability }: PlcNode, view: View): readonly Field[] => [
  ['In use', facts?.sensors === undefined ? undefined : useInWords(facts.sensors)],
  [
    'Way to it',
    measured === null ? undefined : `${wayInWords(measured)}, measured ${relativeTime(measured.at, view.nowMs)}`,
  ],
  ['Connected', availability === null ? undefined : availabilityInWords(availability)],
];

const factFields = (facts: NodeFacts, view: View): readonly Field[] => [
  ['VMM', facts.vmm.simulated ? { text: `${facts.vmm.driver} (simulated)`, color: 'yellow' } : facts.vmm.driver],
  ['Machine', `${facts.architecture}, Linux ${facts.kernel}`],
  ['Started', relativeTime(facts.startedAt, view.nowMs)],
  ['Memory', `${formatMiB(facts.leased.memoryMiB)} of ${formatMiB(facts.capacity.memoryMiB)} promised`],
  ['Disk', `${formatMiB(facts.leased.diskMiB)} of ${formatMiB(facts.capacity.diskMiB)} promised`],
  ['CPU', `${facts.leased.cpuReservedMillis / 1000} of ${facts.capacity.cpuReservedMillis / 1000} cores reserved`],
  ['Egress', `${formatKbps(facts.leased.egressMinKbps)} of ${formatKbps(facts.capacity.egressMinKbps)} guaranteed`],
  ['Images', facts.images.join(', ')],
  ['IPv4', facts.ipv4 ?? undefined],
  ['IPv6 prefix', facts.ipv6Prefix ?? undefined],
  ...facts.features
    .filter((feature) => !feature.available)
    .map((feature): Field => ['Lacks', { text: `${feature.feature}: ${feature.reason}`, color: 'yellow' }]),
];
