import type { PlcEvent } from '@planetlab/contract';
import { type Instant, parseDuration, toInstant } from '@planetlab/model';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { instant, wholeNumber } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { withClient } from '../session/client.ts';

const COLUMNS: readonly Column<PlcEvent>[] = [
  { head: 'WHEN', cell: (event, view) => relativeTime(event.at, view.nowMs) },
  { head: 'WHO', cell: (event) => event.actor },
  { head: 'WHAT', cell: (event) => event.kind },
  { head: 'SUBJECT', cell: (event) => event.subject },
];

const DEFAULT_LIMIT = 50;

interface EventOptions {
  readonly subject?: string;
  readonly person?: string;
  readonly slice?: string;
  readonly node?: string;
  readonly address?: string;
  readonly since?: Instant;
  readonly until?: Instant;
  readonly limit: number;
}

/** `2d`: so long ago; or an instant. */
const pointInTime =
  (io: Io) =>
  (text: string): Instant => {
    const ms = parseDuration(text);
    return ms === undefined ? instant(text) : toInstant(io.now() - ms);
  };

export const register: Register = (events, io) => {
  leaf(
    events
      .option('--subject <name>', 'only what happened to this')
      .option('--person <email>', 'who did it, or to whom it was done')
      .option('--slice <slice>', 'in which this slice is named')
      .option('--node <node>', 'in which this node is named')
      .option('--address <address>', 'in which this address, or a node that has it, is named')
      .option('--since <time>', 'from then on, such as 2h (ago) or 2026-12-24T18:00Z', pointInTime(io))
      .option('--until <time>', 'before then', pointInTime(io))
      .option('--limit <count>', 'how many, newest first, at most 1000', wholeNumber, DEFAULT_LIMIT),
    io,
    { example: 'pl events --node tokyo --person ada@example.org --since 2d' },
    (invocation, options: EventOptions) =>
      withClient(invocation, async ({ client }) => {
        const { subject, person, slice, node, address, since, until, limit } = options;
        const query = { subject, person, slice, node, address, since, until, limit };
        const { items } = await client.listEvents({ query });
        invocation.print.list(items, COLUMNS, 'Nothing has happened.');
      }),
  );
};
