import type { Operation } from '@planetlab/contract';
import type { Command } from 'commander';
import { ExitWith } from '../exit.ts';
import type { Io } from '../io.ts';
import { type Invocation, leaf } from '../leaf.ts';
import { doneOf, ITEM_COLUMNS, OPERATION_COLUMNS } from '../operations/columns.ts';
import { type Followed, followOperation } from '../operations/follow.ts';
import { wholeNumber } from '../options.ts';
import { reasonLine } from '../output/reasons.ts';
import type { Register } from '../program.ts';
import { allPages, type Plc, withClient } from '../session/client.ts';

const ID_EXAMPLE = '0198f1c2-7a5e-4000-8000-000000000000';
const DEFAULT_LIMIT = 50;

interface ListOptions {
  readonly slice?: string;
  readonly running?: boolean;
  readonly limit: number;
}

export const register: Register = (operation, io) => {
  leaf(
    operation
      .command('list')
      .option('--slice <name>', 'only those of this slice')
      .option('--running', 'only those that have not ended')
      .option('--limit <count>', 'how many, newest first, at most 1000', wholeNumber, DEFAULT_LIMIT),
    io,
    { summary: 'operations over many nodes, newest first', example: 'pl operation list --running' },
    (invocation, options: ListOptions) =>
      withClient(invocation, async ({ client }) => {
        const { slice, limit } = options;
        const running = options.running === true ? ('true' as const) : undefined;
        const { items } = await client.listOperations({ query: { slice, limit, running } });
        invocation.print.list(items, OPERATION_COLUMNS, 'There is no operation. `pl slice add-node` begins one.');
      }),
  );
  registerOne(operation, io);
};

function registerOne(operation: Command, io: Io): void {
  const one = (
    name: string,
    summary: string,
    work: (plc: Plc, invocation: Invocation, id: string) => Promise<void>,
  ): void => {
    const example = `pl operation ${name} ${ID_EXAMPLE}`;
    leaf(operation.command(`${name} <id>`), io, { summary, example }, (invocation, id: string) =>
      withClient(invocation, (plc) => work(plc, invocation, id)),
    );
  };
  one('show', 'its items, each with its state and reason', async (plc, invocation, id) => {
    const params = { operation: id };
    const [found, items] = await Promise.all([
      plc.client.getOperation({ params }),
      allPages((after) => plc.client.listOperationItems({ params, query: { after, limit: 1000 } })),
    ]);
    show(invocation, { operation: found, items });
  });
  one('watch', 'a line for each change, until it ends; fails unless all is done', watch);
  one(
    'cancel',
    'end it; slivers that it wanted and that do not run yet are taken back',
    async (plc, invocation, id) => {
      const canceled = await plc.client.cancelOperation({ params: { operation: id } });
      const how = canceled.state === 'canceled' ? 'Canceled' : `It had ended before, ${canceled.state}`;
      invocation.print.done(canceled, `${how}: ${doneOf(canceled)} were done, and stay so.`);
    },
  );
}

async function watch(plc: Plc, invocation: Invocation, id: string): Promise<void> {
  const { print, io } = invocation;
  const followed = await followOperation(plc, id, io.interrupted, (changed) => {
    for (const { subject, state, reason } of changed)
      print.note(`${subject}: ${state} ${reasonLine(reason)}`.trimEnd());
  });
  show(invocation, followed);
  if (followed.operation.state !== 'succeeded') throw new ExitWith(1);
}

function show({ print, json }: Invocation, { operation, items }: Followed): void {
  if (json) {
    print.done({ ...operation, items }, '');
    return;
  }
  print.note(summaryOf(operation));
  print.list(items, ITEM_COLUMNS, 'It has no items.');
}

const summaryOf = (operation: Operation): string =>
  `${operation.kind} of ${operation.subject}: ${operation.state}, ${doneOf(operation)} done.`;
