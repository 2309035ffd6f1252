import type { NodeInterface, PlcNode } from '@planetlab/contract';
import { type Command, Option } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import type { Column } from '../output/printer.ts';
import { orDash } from '../output/times.ts';
import { withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

const COLUMNS: readonly Column<NodeInterface>[] = [
  { head: 'ADDRESS', cell: ({ address }) => address },
  { head: 'USE', cell: ({ use }) => use },
  { head: 'HOSTNAME', cell: ({ hostname }) => orDash(hostname === '' ? undefined : hostname) },
];

/** `pl node interfaces`, `add-interface`, `remove-interface`: the addresses of a node, as its site declares them. */
export function registerNodeInterfaces(node: Command, io: Io): void {
  leaf(
    node.command('interfaces <name>'),
    io,
    { summary: 'the addresses of a node, as its site declares them', example: 'pl node interfaces planetlab1.eth' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const { interfaces } = await client.getNode({ params: { node: name } });
        const empty = `None is declared. Declare one with: pl node add-interface ${name} ADDRESS`;
        invocation.print.list(interfaces, COLUMNS, empty);
      }),
  );
  registerAdd(node, io);
  leaf(
    node.command('remove-interface <name> <address>'),
    io,
    { summary: 'take an interface back', example: 'pl node remove-interface planetlab1.eth 192.0.2.7' },
    (invocation, name: string, address: string) =>
      withClient(invocation, async ({ client }) => {
        const params = { node: name };
        const before = await client.getNode({ params });
        const interfaces = others(before, address);
        if (interfaces.length === before.interfaces.length) throw usageError(`${name} has no interface ${address}.`);
        const found = await client.changeNode({ params, body: { interfaces } });
        invocation.print.done(found, `Node ${name} has no interface ${address} any more.`);
      }),
  );
}

interface AddOptions {
  readonly hostname?: string;
  readonly use: NodeInterface['use'];
}

const USE = new Option('--use <use>', '"public": what its slivers are seen under; "management": for its technicians')
  .choices(['public', 'management'])
  .default('public');

function registerAdd(node: Command, io: Io): void {
  leaf(
    node.command('add-interface <name> <address>').option('--hostname <name>', 'its name in the DNS').addOption(USE),
    io,
    {
      summary: 'declare an interface, or change the one with this address',
      example: 'pl node add-interface planetlab1.eth 192.0.2.7 --hostname planetlab1.example.org',
    },
    (invocation, name: string, address: string, { hostname = '', use }: AddOptions) =>
      withClient(invocation, async ({ client }) => {
        const params = { node: name };
        const before = await client.getNode({ params });
        const interfaces = [...others(before, address), { address, hostname, use }];
        const found = await client.changeNode({ params, body: { interfaces } });
        invocation.print.done(found, `Node ${name} has the interface ${address}.`);
      }),
  );
}

const others = ({ interfaces }: PlcNode, address: string): NodeInterface[] =>
  interfaces.filter((one) => one.address !== address);
