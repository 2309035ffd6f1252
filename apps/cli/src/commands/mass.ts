import { MassAction, type MassPreview } from '@planetlab/contract';
import { Argument } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { several } from '../options.ts';
import type { Column } from '../output/printer.ts';
import type { Register } from '../program.ts';
import { requestOf, type SelectionOptions, selectionOptions } from '../selection.ts';
import { withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

const COLUMNS: readonly Column<MassPreview['items'][number]>[] = [
  { head: 'SUBJECT', cell: ({ subject }) => subject },
  { head: 'EFFECT', cell: ({ effect }) => effect },
];

interface MassOptions extends SelectionOptions {
  readonly reason: string;
  readonly where?: string;
  readonly name?: readonly string[];
  readonly site?: string;
  readonly onNode?: string;
  readonly slice?: string;
  readonly apply?: string;
}

export const register: Register = (command, io: Io) => {
  leaf(
    selectionOptions(
      command
        .addArgument(new Argument('<action>', 'what is done to each').choices(MassAction.options))
        .requiredOption('--reason <sentence>', 'why; those whom it concerns read it')
        .option('--where <expression>', 'of nodes: those with these properties')
        .option('--name <name>', 'this slice or person; may be given several times', several)
        .option('--site <site>', 'slices or people of this site')
        .option('--on-node <node>', 'slices with a sliver on this node')
        .option('--slice <slice>', 'people in this slice')
        .option('--apply <digest>', 'do exactly what the preview with this digest showed'),
    ),
    io,
    { example: `pl mass node.drain --where 'version == "0.1.0"' --reason "Security update"` },
    (invocation, action: MassAction, options: MassOptions) =>
      withClient(invocation, async ({ client }) => {
        const decision = { action, reason: options.reason, ...subjectsOf(action, options) };
        const { apply } = options;
        if (apply === undefined) {
          const preview = await client.previewDecision({ body: decision });
          if (invocation.json) return invocation.print.done(preview, '');
          invocation.print.list(preview.items, COLUMNS, 'Nothing is selected.');
          invocation.print.note(
            `Nothing is done yet. To do exactly this, say it again with: --apply ${preview.digest}`,
          );
          return;
        }
        const { operation } = await client.applyDecision({ body: { ...decision, digest: apply } });
        const { done, failed } = operation.counts;
        invocation.print.done(
          operation,
          `${done} done, ${failed} failed. Each is in: pl operation show ${operation.id}`,
        );
      }),
  );
};

function subjectsOf(action: MassAction, options: MassOptions) {
  const { where, name = null, site = null, onNode, slice } = options;
  if (action.startsWith('node.')) return { nodes: requestWithoutSeed(where, options) };
  if (where !== undefined) throw usageError('--where is about nodes; say --name, --site, --on-node or --slice.');
  const names = name === null ? null : [...name];
  return action.startsWith('slice.')
    ? { slices: { names, site, node: onNode ?? null } }
    : { persons: { emails: names, site, slice: slice ?? null } };
}

/** A preview and its application choose alike by themselves. */
function requestWithoutSeed(where: string | undefined, options: MassOptions) {
  if (where === undefined) throw usageError(`Say which nodes: --where 'true' is all that are in service.`);
  const { seed: _, ...request } = requestOf(where, options);
  return request;
}
