import { formatMiB, type Resources } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { millis, sizeMiB, wholeNumber } from '../options.ts';
import { withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

interface SetOptions {
  readonly memory?: number;
  readonly cpuShares?: number;
  readonly cpuReserved?: number;
  readonly disk?: number;
  readonly processes?: number;
  readonly description?: string;
  readonly url?: string;
  readonly image?: string;
  readonly initialCommand?: string;
  readonly maxNodes?: number;
}

export function registerSliceSet(slice: Command, io: Io): void {
  leaf(
    slice
      .command('set <name>')
      .option('--memory <size>', 'memory of each sliver, such as 512M', sizeMiB)
      .option('--cpu-shares <weight>', 'CPU weight; an ordinary sliver has 1', wholeNumber)
      .option('--cpu-reserved <cores>', 'guaranteed part of a core, such as 500m or 0.5', millis)
      .option('--disk <size>', 'disk of each sliver, such as 5G', sizeMiB)
      .option('--processes <count>', 'most processes and threads at once', wholeNumber)
      .option('--description <text>', 'what it is for')
      .option('--url <url>', 'where people read more about it')
      .option('--image <image>', 'what slivers made from now on start from')
      .option('--initial-command <command>', 'what a shell runs once in slivers made from now on')
      .option('--max-nodes <count>', 'how many nodes its people may put it on; by PIs and admins', wholeNumber),
    io,
    {
      summary: 'change what a slice says of itself, and what each sliver may use, while they run',
      example: 'pl slice set princeton_codeen --memory 512M --cpu-reserved 500m',
    },
    (invocation, name: string, options: SetOptions) => {
      const resources = resourcesIn(options);
      const said = saidIn(options);
      if (resources === undefined && said === undefined) throw usageError('Say what to change, such as --memory 512M.');
      return withClient(invocation, async ({ client }) => {
        const params = { slice: name };
        const described = said === undefined ? undefined : await client.changeSlice({ params, body: said });
        if (described !== undefined && resources === undefined) {
          return invocation.print.done(described, `Slice ${described.name} is changed.`);
        }
        const changed = await client.changeResources({ params, body: resources ?? {} });
        invocation.print.done(changed, `Each sliver of ${changed.name} may use ${limitsLine(changed.resources)}.`);
        invocation.print.note(`Nodes that refuse say why in: pl sliver list --slice ${changed.name}`);
      });
    },
  );
}

const given = <T extends object>(values: T): T | undefined =>
  Object.values(values).every((value) => value === undefined) ? undefined : values;

const resourcesIn = ({ memory, cpuShares, cpuReserved, disk, processes }: SetOptions) =>
  given({ memoryMiB: memory, cpuShares, cpuReservedMillis: cpuReserved, diskMiB: disk, processes });

const saidIn = ({ description, url, image, initialCommand, maxNodes }: SetOptions) =>
  given({ description, url, image, initialCommand, maxNodes });

/** The limits of a sliver in a line. */
export const limitsLine = (resources: Resources): string =>
  [
    `${formatMiB(resources.memoryMiB)} memory`,
    `CPU weight ${resources.cpuShares}`,
    ...(resources.cpuReservedMillis > 0 ? [`${resources.cpuReservedMillis / 1000} reserved cores`] : []),
    `${formatMiB(resources.diskMiB)} disk`,
    `${resources.processes} processes`,
  ].join(', ');
