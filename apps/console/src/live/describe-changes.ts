import type { PlcNode, Sliver } from '@planetlab/contract';
import { labelOfNode } from '../nodes/standing.ts';

/** The states of everything, small enough to keep beside the next ones. */
export interface Snapshot {
  readonly nodes: ReadonlyMap<string, string>;
  readonly slivers: ReadonlyMap<string, string>;
}

export const snapshotOf = (nodes: readonly PlcNode[], slivers: readonly Sliver[]): Snapshot => ({
  nodes: new Map(nodes.map((node) => [node.name, labelOfNode(node)])),
  slivers: new Map(slivers.map((sliver) => [`${sliver.slice}@${sliver.node}`, sliver.state])),
});

const NAMED_AT_MOST = 3;

/** What has changed, in sentences to be read aloud; undefined when nothing has. Many changes of one kind are counted. */
export function describeChanges(before: Snapshot, after: Snapshot): string | undefined {
  const sentences = [
    ...sentencesOf(changedStates(before.nodes, after.nodes), 'nodes'),
    ...sentencesOf(changedStates(before.slivers, after.slivers), 'slivers'),
  ];
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

/** New state → names that are in it now and were not before. */
function changedStates(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): Map<string, readonly string[]> {
  const changed = [...after].filter(([name, state]) => before.get(name) !== state);
  const left = [...before.keys()].filter((name) => !after.has(name)).map((name) => [name, 'removed'] as const);
  const byState = Map.groupBy([...changed, ...left], ([, state]) => state);
  return new Map([...byState].map(([state, entries]) => [state, entries.map(([name]) => name)]));
}

function sentencesOf(byState: ReadonlyMap<string, readonly string[]>, what: string): string[] {
  return [...byState].map(([state, names]) =>
    names.length <= NAMED_AT_MOST ? `${names.join(', ')}: ${state}.` : `${names.length} ${what}: ${state}.`,
  );
}
