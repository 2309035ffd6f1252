import type { PlcEvent } from '@planetlab/contract';
import { leaf } from '../leaf.ts';
import { wholeNumber } from '../options.ts';
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

export const register: Register = (events, io) => {
  leaf(
    events
      .option('--subject <name>', 'only what happened to this')
      .option('--limit <count>', 'how many, newest first, at most 1000', wholeNumber, DEFAULT_LIMIT),
    io,
    { example: 'pl events --subject princeton_codeen' },
    (invocation, options: { subject?: string; limit: number }) =>
      withClient(invocation, async ({ client }) => {
        const { items } = await client.listEvents({ query: { subject: options.subject, limit: options.limit } });
        invocation.print.list(items, COLUMNS, 'Nothing has happened.');
      }),
  );
};
