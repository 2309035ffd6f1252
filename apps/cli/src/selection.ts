import type { NodeSelection } from '@planetlab/contract';
import { type Near, NodeName, SpreadBy } from '@planetlab/model';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { several, wholeNumber } from './options.ts';
import type { Column } from './output/printer.ts';

/** What of a selection is said by options, the same wherever nodes are chosen. */
export interface SelectionOptions {
  readonly count?: number;
  readonly min?: number;
  readonly spread?: SpreadBy;
  readonly near?: Near;
  readonly exclude?: readonly string[];
  readonly anyState?: boolean;
  readonly seed?: number;
}

export const selectionOptions = (command: Command): Command =>
  command
    .option('--count <count>', 'how many; all that match when left out', wholeNumber)
    .option('--min <count>', 'with fewer than this, none', wholeNumber)
    .addOption(new Option('--spread <over>', 'as evenly as can be over these').choices(SpreadBy.options))
    .option('--near <node|lat,long>', 'the nearest first', near)
    .option('--exclude <node>', 'never this one; may be given several times', several)
    .option('--any-state', 'also nodes that are not in service')
    .option('--seed <number>', 'choose as an earlier selection with this seed did', wholeNumber);

/** `47.4,8.5` is a place; anything else is a node. */
export function near(text: string): Near {
  const place = /^(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(text);
  if (place !== null) return { latitude: Number(place[1]), longitude: Number(place[2]) };
  const node = NodeName.safeParse(text);
  if (node.success) return { node: node.data };
  throw new InvalidArgumentError('It is a node, or a place such as 47.4,8.5.');
}

/** The request as the API takes it; what was not said is left to its defaults. */
export function requestOf(where: string | undefined, options: SelectionOptions) {
  const { count, min, spread, near: place, exclude, anyState, seed } = options;
  return {
    ...(where === undefined ? {} : { where }),
    ...(count === undefined ? {} : { count }),
    ...(min === undefined ? {} : { min }),
    ...(spread === undefined ? {} : { spread }),
    ...(place === undefined ? {} : { near: place }),
    ...(exclude === undefined ? {} : { exclude: [...exclude] }),
    ...(anyState === undefined ? {} : { anyState }),
    ...(seed === undefined ? {} : { seed }),
  };
}

export const CHOICE_COLUMNS: readonly Column<NodeSelection['explanation'][number]>[] = [
  { head: 'NODE', cell: (choice) => choice.node },
  {
    head: 'TAKEN',
    cell: (choice) => (choice.taken ? { text: 'yes', color: 'green' } : { text: 'no', color: 'dim' }),
  },
  { head: 'WHY', cell: (choice) => choice.sentence },
];
