import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { Operation, OperationItem, plcRoutes, type Sliver } from '@planetlab/contract';
import { type App, sendEvents, serve } from '@planetlab/contract/server';
import { sliverName, toInstant } from '@planetlab/model';

const ADA = 'ada@example.org';
const now = () => toInstant(Date.now());

/** An operation that has begun, on so many slivers of a slice. */
export const operationOf = (person: string, slice: string, waiting: number): Operation =>
  Operation.parse({
    ...{
      id: randomUUID(),
      kind: 'slivers.add',
      subject: slice,
      actor: `person:${person}`,
      state: 'running',
      version: 1,
    },
    ...{ createdAt: now(), deadlineAt: toInstant(Date.now() + 600_000), endedAt: null },
    counts: { waiting, done: 0, failed: 0, timed_out: 0, canceled: 0 },
  });

/** Operations have ended as soon as they are asked for, with all the slivers there are. */
export function serveOperations(app: App, slivers: ReadonlyMap<string, Sliver>): void {
  const items = () =>
    [...slivers.values()].map(({ slice, node, since }) =>
      OperationItem.parse({ subject: sliverName(slice, node), slice, node, state: 'done', reason: null, since }),
    );
  const ended = (id: string, state: Operation['state'] = 'succeeded'): Operation => ({
    ...operationOf(ADA, 'eth_demo', 0),
    ...{ id, state, endedAt: now() },
  });
  serve(app, plcRoutes.listOperations, async () => ({ items: [ended(randomUUID())], next: null }));
  serve(app, plcRoutes.getOperation, async ({ params }) => ended(params.operation));
  serve(app, plcRoutes.listOperationItems, async () => ({ items: items(), next: null }));
  serve(app, plcRoutes.cancelOperation, async ({ params }) => ended(params.operation, 'canceled'));
  serve(app, plcRoutes.watchOperation, ({ params }, context) =>
    sendEvents(context, Readable.from([{ operation: ended(params.operation), items: items() }])),
  );
}
