import type { NodeSelection } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { type Invocation, leaf } from '../leaf.ts';
import { CHOICE_COLUMNS, requestOf, type SelectionOptions, selectionOptions } from '../selection.ts';
import { withClient } from '../session/client.ts';

interface SelectOptions extends SelectionOptions {
  readonly explain?: boolean;
  readonly slice?: string;
}

export function registerNodeSelect(node: Command, io: Io): void {
  leaf(
    selectionOptions(node.command('select [expression]'))
      .option('--slice <slice>', 'as this slice would: its nodes first, with room for its slivers')
      .option('--explain', 'why each node was or was not taken'),
    io,
    {
      summary: 'which nodes have these properties; changes nothing',
      example: `pl node select 'country == "CH" && memory_free_mib > 1000' --count 5 --spread as --explain`,
    },
    (invocation, expression: string | undefined, options: SelectOptions) =>
      withClient(invocation, async ({ client }) => {
        const slice = options.slice === undefined ? {} : { slice: options.slice };
        const selection = await client.selectNodes({ body: { ...requestOf(expression, options), ...slice } });
        show(invocation, selection, options.explain === true);
        if (!selection.satisfied) throw new PlanetLabError('selection_too_small', selection.summary);
      }),
  );
  leaf(
    node.command('attributes'),
    io,
    { summary: 'what an expression may ask of a node', example: 'pl node attributes' },
    async ({ print }) => {
      // Loaded late: the other commands about nodes do without its parser.
      const { ATTRIBUTE_NAMES, ATTRIBUTES } = await import('@planetlab/selection');
      const attributes = ATTRIBUTE_NAMES.map((name) => ({ name, ...ATTRIBUTES[name] }));
      const columns = [
        { head: 'NAME', cell: ({ name }: { name: string }) => name },
        { head: 'TYPE', cell: ({ type }: { type: string }) => type },
        { head: 'MEANING', cell: ({ meaning }: { meaning: string }) => meaning },
      ];
      print.list(attributes, columns, 'There are no attributes.');
    },
  );
}

function show({ print, json }: Invocation, selection: NodeSelection, explain: boolean): void {
  if (json) {
    print.done(selection, '');
    return;
  }
  const lines = selection.explanation.filter(({ taken }) => explain || taken);
  print.list(lines, CHOICE_COLUMNS, 'No node is taken. --explain says why.');
  print.note(`${selection.summary} To choose so again: --seed ${selection.seed}`);
}
