import type { Slice } from '@planetlab/contract';
import type { PortBinding } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { portBindings, wholeNumber } from '../options.ts';
import { type Plc, withClient } from '../session/client.ts';
import { type LimitOptions, limitOptions, limitsIn, limitsOf, portsAfter, said } from '../slices/limits.ts';
import { usageError } from '../usage.ts';

interface SetOptions extends LimitOptions {
  readonly addPort?: readonly PortBinding[];
  readonly removePort?: readonly PortBinding[];
  readonly description?: string;
  readonly url?: string;
  readonly image?: string;
  readonly initialCommand?: string;
  readonly maxNodes?: number;
}

export function registerSliceSet(slice: Command, io: Io): void {
  leaf(
    limitOptions(slice.command('set <name>'))
      .option('--add-port <port>', 'a port of each node, such as tcp/80; can be given again', portBindings)
      .option('--remove-port <port>', 'a port that it gives back; can be given again', portBindings)
      .option('--description <text>', 'what it is for')
      .option('--url <url>', 'where people read more about it')
      .option('--image <image>', 'what slivers made from now on start from')
      .option('--initial-command <command>', 'what a shell runs once in slivers made from now on')
      .option('--max-nodes <count>', 'how many nodes its people may put it on; by PIs and admins', wholeNumber),
    io,
    {
      summary: 'change what a slice says of itself, and what each sliver may use, while they run',
      example: 'pl slice set princeton_codeen --memory 512M --egress-max 50M --add-port tcp/80',
    },
    (invocation, name: string, options: SetOptions) => {
      const changesLimits = said(limitsIn(options)) !== undefined || changesPorts(options);
      const body = saidIn(options);
      if (!changesLimits && body === undefined) throw usageError('Say what to change, such as --memory 512M.');
      return withClient(invocation, async (plc) => {
        const params = { slice: name };
        const described = body === undefined ? undefined : await plc.client.changeSlice({ params, body });
        if (described !== undefined && !changesLimits) {
          return invocation.print.done(described, `Slice ${described.name} is changed.`);
        }
        const changed = await changeLimits(plc, name, options);
        const limits = limitsOf(changed.resources).map(([kind, values]) => `${kind}: ${values}.`);
        invocation.print.done(changed, `Slice ${changed.name} is changed. ${limits.join(' ')}`);
        invocation.print.note(`Nodes that refuse say why in: pl sliver list --slice ${changed.name}`);
      });
    },
  );
}

const changesPorts = ({ addPort, removePort }: SetOptions): boolean =>
  addPort !== undefined || removePort !== undefined;

/** Ports are changed as a whole: those that it has are looked up first. */
async function changeLimits({ client }: Plc, name: string, options: SetOptions): Promise<Slice> {
  const params = { slice: name };
  const { addPort = [], removePort = [] } = options;
  const ports = changesPorts(options)
    ? portsAfter((await client.getSlice({ params })).resources.ports, addPort, removePort)
    : undefined;
  return client.changeResources({ params, body: { ...limitsIn(options), ports } });
}

const saidIn = ({ description, url, image, initialCommand, maxNodes }: SetOptions) =>
  said({ description, url, image, initialCommand, maxNodes });
