import { classLines, classRemoval, type ShapedClass, type ShapingTree, treeRate } from '@planetlab/linux';
import type { LeaseId, SliceName } from '@planetlab/model';

/** Something in a set or map of the node's table. */
export interface RuleElement {
  readonly set: string;
  readonly element: string;
}

/** What the node's network has of one sliver. */
export interface SliverNetwork {
  readonly slice: SliceName;
  /** Another lease at the same index is another sliver: its class begins to count anew. */
  readonly lease: LeaseId;
  readonly elements: readonly RuleElement[];
  /** Null where nothing is shaped. */
  readonly shaped: ShapedClass | null;
}

/** The whole network of a node: one table and one hierarchy of classes. */
export interface NetworkState {
  readonly table: string;
  /** The rule set without slivers; replaces what there is of it. */
  readonly ruleset: string;
  readonly shaping: { readonly tree: ShapingTree; readonly node: ShapedClass } | null;
  /** By index. */
  readonly slivers: ReadonlyMap<number, SliverNetwork>;
}

/** Whether two states are the same; what one sliver has of them is the same thing as long as nothing of it changes. */
export const sameNetwork = (a: NetworkState, b: NetworkState): boolean =>
  a === b ||
  (sameFrame(a, b) &&
    a.slivers.size === b.slivers.size &&
    a.slivers.entries().every(([index, sliver]) => b.slivers.get(index) === sliver));

/** Whether they are the same but for slivers. */
const sameFrame = (a: NetworkState, b: NetworkState): boolean =>
  a.ruleset === b.ruleset && JSON.stringify(a.shaping) === JSON.stringify(b.shaping);

/** The whole rule set, as one transaction. */
export const wholeRuleset = ({ table, ruleset, slivers }: NetworkState): string =>
  ruleset +
  elementLines(
    'add',
    table,
    [...slivers.values()].flatMap(({ elements }) => elements),
  );

/** All classes; each line may be repeated. The tree itself must be there. */
export function wholeShaping({ shaping, slivers }: NetworkState): readonly string[] {
  if (shaping === null) return [];
  const { tree, node } = shaping;
  const classes = [node, ...[...slivers.values()].flatMap(({ shaped }) => shaped ?? [])];
  return [treeRate(tree), ...classes.flatMap((each) => classLines(tree.device, each))];
}

export interface NetworkChange {
  /** One transaction of nft; empty when nothing changes. */
  readonly ruleset: string;
  readonly shaping: readonly string[];
  /** Whether a class goes, and with it what it has counted. */
  readonly removesClasses: boolean;
}

/** What leads from one state to another, or undefined when they differ in more than slivers. */
export function networkChange(from: NetworkState, to: NetworkState): NetworkChange | undefined {
  if (!sameFrame(from, to)) return undefined;
  const pairs = changedSlivers(from, to);
  const removed = pairs.flatMap(({ before, after }) => without(before?.elements ?? [], after?.elements ?? []));
  const added = pairs.flatMap(({ before, after }) => without(after?.elements ?? [], before?.elements ?? []));
  const device = to.shaping?.tree.device;
  const classes = device === undefined ? [] : pairs.map(({ before, after }) => classChange(device, before, after));
  return {
    ruleset: elementLines('delete', to.table, removed) + elementLines('add', to.table, added),
    shaping: classes.flatMap(({ remove, set }) => [...remove, ...set]),
    removesClasses: classes.some(({ remove }) => remove.length > 0),
  };
}

/** Those that are not what they were: of a thousand slivers these are few. */
function changedSlivers(from: NetworkState, to: NetworkState) {
  const pairs: { readonly before: SliverNetwork | undefined; readonly after: SliverNetwork | undefined }[] = [];
  for (const [index, before] of from.slivers) {
    const after = to.slivers.get(index);
    if (before !== after) pairs.push({ before, after });
  }
  for (const [index, after] of to.slivers) if (!from.slivers.has(index)) pairs.push({ before: undefined, after });
  return pairs;
}

function classChange(device: string, before: SliverNetwork | undefined, after: SliverNetwork | undefined) {
  const [old, wanted] = [before?.shaped ?? null, after?.shaped ?? null];
  const goes = old !== null && (wanted === null || before?.lease !== after?.lease);
  const same = !goes && JSON.stringify(old) === JSON.stringify(wanted);
  return {
    remove: goes ? [classRemoval(device, old.minor)] : [],
    set: wanted === null || same ? [] : classLines(device, wanted),
  };
}

function without(list: readonly RuleElement[], others: readonly RuleElement[]): readonly RuleElement[] {
  return list.filter(({ set, element }) => !others.some((other) => other.set === set && other.element === element));
}

/** One line per set: a thousand slivers are then no more commands than one. */
function elementLines(verb: 'add' | 'delete', table: string, elements: readonly RuleElement[]): string {
  const bySet = Map.groupBy(elements, ({ set }) => set);
  return [...bySet]
    .map(([set, list]) => `${verb} element inet ${table} ${set} { ${list.map(({ element }) => element).join(', ')} }\n`)
    .join('');
}
