import type { NodeSelection, PlcNode } from '@planetlab/contract';

/** The first of the nodes, whatever is asked of them. */
export function selectionOf(
  nodes: ReadonlyMap<string, PlcNode>,
  { count, where }: { count: number | null; where: string },
): NodeSelection {
  const names = [...nodes.values()].map(({ name }) => name);
  const chosen = names.slice(0, count ?? names.length);
  const explanation = names.map((node) => {
    const taken = chosen.includes(node);
    return { node, taken, code: taken ? 'taken' : 'does_not_match', sentence: `It was asked for ${where}.` };
  });
  return { chosen, satisfied: chosen.length > 0, summary: `${chosen.length} are taken.`, seed: 7, explanation };
}
