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
}

export function registerSliceSet(slice: Command, io: Io): void {
  leaf(
    slice
      .command('set <name>')
      .option('--memory <size>', 'memory of each sliver, such as 512M', sizeMiB)
      .option('--cpu-shares <weight>', 'CPU weight; an ordinary sliver has 1', wholeNumber)
      .option('--cpu-reserved <cores>', 'guaranteed part of a core, such as 500m or 0.5', millis)
      .option('--disk <size>', 'disk of each sliver, such as 5G', sizeMiB)
      .option('--processes <count>', 'most processes and threads at once', wholeNumber),
    io,
    {
      summary: 'change what each sliver may use, while they run',
      example: 'pl slice set princeton_codeen --memory 512M --cpu-reserved 500m',
    },
    (invocation, name: string, options: SetOptions) => {
      const { memory, cpuShares, cpuReserved, disk, processes } = options;
      const body = { memoryMiB: memory, cpuShares, cpuReservedMillis: cpuReserved, diskMiB: disk, processes };
      if (Object.values(body).every((value) => value === undefined)) {
        throw usageError('Say what to change, such as --memory 512M.');
      }
      return withClient(invocation, async ({ client }) => {
        const changed = await client.changeResources({ params: { slice: name }, body });
        invocation.print.done(changed, `Each sliver of ${changed.name} may use ${limitsLine(changed.resources)}.`);
        invocation.print.note(`Nodes that refuse say why in: pl sliver list --slice ${changed.name}`);
      });
    },
  );
}

/** The limits of a sliver in a line. */
export const limitsLine = (resources: Resources): string =>
  [
    `${formatMiB(resources.memoryMiB)} memory`,
    `CPU weight ${resources.cpuShares}`,
    ...(resources.cpuReservedMillis > 0 ? [`${resources.cpuReservedMillis / 1000} reserved cores`] : []),
    `${formatMiB(resources.diskMiB)} disk`,
    `${resources.processes} processes`,
  ].join(', ');
