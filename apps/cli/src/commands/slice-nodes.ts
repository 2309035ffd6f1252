import type { Operation, PlcNode, Sliver } from '@planetlab/contract';
import { MINUTE_MS, PlanetLabError, SECOND_MS } from '@planetlab/model';
import type { Command } from 'commander';
import { ExitWith } from '../exit.ts';
import { inParallel } from '../in-parallel.ts';
import { type Io, interruptionCode } from '../io.ts';
import { type Invocation, leaf } from '../leaf.ts';
import { duration } from '../options.ts';
import { requestOf, type SelectionOptions, selectionOptions } from '../selection.ts';
import { allPages, type Plc, withClient } from '../session/client.ts';
import { ARRIVAL_COLUMNS } from '../slivers/columns.ts';
import { demandAllRunning } from '../slivers/outcome.ts';
import { createProgress } from '../slivers/progress.ts';
import { waitUntilSettled } from '../slivers/wait.ts';
import { usageError } from '../usage.ts';

interface AddOptions extends SelectionOptions {
  readonly all?: boolean;
  readonly where?: string;
  readonly keep?: boolean;
  readonly detach?: boolean;
  readonly timeout: number;
}

const REQUESTS_AT_ONCE = 20;

export function registerSliceNodes(slice: Command, io: Io): void {
  leaf(
    selectionOptions(
      slice
        .command('add-node <name> [nodes...]')
        .option('--all', 'every node that is in service')
        .option('--detach', 'do not wait until they run')
        .option('--timeout <time>', 'how long to wait for them', duration, MINUTE_MS)
        .option('--where <expression>', 'nodes with these properties; `pl node select` shows which')
        .option('--keep', 'keep the choice, to be placed elsewhere by it when a node leaves'),
    ),
    io,
    {
      summary: 'put a slice on nodes; waits until each runs, or says why it does not',
      example: 'pl slice add-node princeton_codeen planetlab1.eth planetlab2.berkeley',
    },
    (invocation, name: string, nodes: string[], options: AddOptions) => {
      const ways = [nodes.length > 0, options.all === true, selects(options)].filter(Boolean).length;
      if (ways !== 1) throw usageError('Name the nodes, or say --all, or say which with --where and --count.');
      return withClient(invocation, (plc) => addNodes(plc, invocation, name, nodes, options));
    },
  );
  leaf(
    slice.command('remove-node <name> [nodes...]').option('--all', 'every node that it is on'),
    io,
    { summary: 'take a slice off nodes', example: 'pl slice remove-node princeton_codeen planetlab1.eth' },
    (invocation, name: string, nodes: string[], options: { all?: boolean }) => {
      if (nodes.length > 0 === (options.all === true)) throw usageError('Name the nodes, or say --all.');
      return withClient(invocation, (plc) =>
        options.all === true ? removeAll(plc, invocation, name) : removeNodes(plc, invocation, name, nodes),
      );
    },
  );
}

async function addNodes(
  plc: Plc,
  invocation: Invocation,
  slice: string,
  named: readonly string[],
  options: AddOptions,
): Promise<void> {
  const { nodes, items, operation } = await askForNodes(plc, invocation, slice, named, options);
  const whenEmpty = `${slice} is on no node.`;
  if (options.detach === true) {
    invocation.print.note(`Follow it with: pl operation watch ${operation.id}`);
    const asked = items.filter((sliver) => nodes.includes(sliver.node));
    return invocation.print.list(asked, ARRIVAL_COLUMNS, whenEmpty);
  }
  const progress = createProgress(invocation);
  progress.update(items);
  const { interrupted } = invocation.io;
  const wait = { slice, nodes, timeoutMs: options.timeout, interrupted, onRead: progress.update };
  const slivers = await waitUntilSettled(plc, wait)
    .finally(() => progress.end())
    .catch((error: unknown) => {
      if (interrupted.aborted) leaveToNodes(invocation, slice, nodes);
      throw error;
    });
  invocation.print.list(slivers, ARRIVAL_COLUMNS, whenEmpty);
  demandAllRunning(slice, nodes, slivers);
}

const selects = ({ where, count, spread, near }: AddOptions): boolean =>
  [where, count, spread, near].some((option) => option !== undefined);

/** Named ones, all, or those that a selection takes. */
async function askForNodes(
  plc: Plc,
  invocation: Invocation,
  slice: string,
  named: readonly string[],
  options: AddOptions,
): Promise<{ readonly nodes: readonly string[]; readonly items: readonly Sliver[]; readonly operation: Operation }> {
  const params = { slice };
  if (selects(options)) {
    const body = { ...requestOf(options.where, options), keep: options.keep === true };
    const { selection, items, operation } = await plc.client.selectSlivers({ params, body });
    invocation.print.note(selection.summary);
    return { nodes: selection.chosen, items, operation };
  }
  const nodes = options.all === true ? await nodesInService(plc, invocation) : [...new Set(named)];
  const deadlineSeconds = Math.min(Math.max(1, Math.ceil(options.timeout / SECOND_MS)), 86_400);
  const body = { nodes: [...nodes], deadlineSeconds };
  const { items, operation } = await plc.client.addSlivers({ params, body });
  return { nodes, items, operation };
}

/** The request is made: whoever stops waiting has not taken it back. */
function leaveToNodes({ print, io }: Invocation, slice: string, nodes: readonly string[]): never {
  print.note(
    [
      'pl: interrupted; the nodes go on by themselves.',
      `    See how far they are:  pl sliver list --slice ${slice}`,
      `    Take it off them:      pl slice remove-node ${slice} ${nodes.join(' ')}`,
    ].join('\n'),
  );
  throw new ExitWith(interruptionCode(io));
}

async function nodesInService(plc: Plc, invocation: Invocation): Promise<readonly string[]> {
  const nodes = await allPages((after) => plc.client.listNodes({ query: { after } }));
  const [inService, others] = partition(nodes, (node) => node.state === 'connected' && node.runLevel === 'boot');
  for (const node of others) {
    invocation.print.note(
      `Left out: ${node.name}: ${node.reason?.message ?? `it is ${node.state}, in ${node.runLevel}`}`,
    );
  }
  if (inService.length > 0) return inService.map((node) => node.name);
  throw new PlanetLabError('unknown_node', 'No node is in service.');
}

function partition(nodes: readonly PlcNode[], wanted: (node: PlcNode) => boolean): [PlcNode[], PlcNode[]] {
  return [nodes.filter(wanted), nodes.filter((node) => !wanted(node))];
}

async function removeAll(plc: Plc, { print }: Invocation, slice: string): Promise<void> {
  const { operation } = await plc.client.removeSlivers({ params: { slice }, body: {} });
  print.note(`Follow it with: pl operation watch ${operation.id}`);
  print.done(operation, `${slice} is being taken off every node.`);
}

/** Each by itself: one that cannot be removed does not keep the others. */
async function removeNodes(plc: Plc, invocation: Invocation, slice: string, nodes: readonly string[]): Promise<void> {
  const failures = await inParallel([...new Set(nodes)], REQUESTS_AT_ONCE, (node) =>
    plc.client.removeSliver({ params: { slice, node } }).then(
      () => [],
      (error: unknown) => {
        if (nodes.length === 1 || !(error instanceof PlanetLabError)) throw error;
        return [{ node, error }];
      },
    ),
  );
  const [first, ...more] = failures.flat();
  if (first === undefined) {
    invocation.print.done({}, `${slice} is being taken off ${nodes.join(', ')}.`);
    return;
  }
  throw new PlanetLabError(
    first.error.code,
    [first, ...more].map(({ node, error }) => `${node}: ${error.message}`).join(' '),
    { details: { nodes: [first, ...more].map(({ node }) => node) } },
  );
}
