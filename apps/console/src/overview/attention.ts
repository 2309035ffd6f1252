import type { PlcNode, Sliver } from '@planetlab/contract';
import { standingOf, toneOfNode, whyNotInService } from '../nodes/standing.ts';
import type { Tone } from '../parts/tone.ts';
import { isStuck, toneOfSliver } from '../slices/tally.ts';

/** One matter that somebody should look at: a reason, and everything it applies to. */
export interface Matter {
  readonly id: string;
  readonly tone: Tone;
  readonly title: string;
  readonly reason: string;
  readonly nodes: readonly string[];
  /** Set when it is about the slivers of one slice. */
  readonly slice: string | null;
}

const WEIGHT: Readonly<Record<Tone, number>> = { bad: 0, warn: 1, busy: 2, off: 3, good: 4 };

/** What is not as it should be, worst first. The same reason on many nodes is one matter. */
export function mattersOf(nodes: readonly PlcNode[], slivers: readonly Sliver[], nowMs: number): readonly Matter[] {
  const inService = new Set<string>(nodes.filter((node) => standingOf(node) === 'in_service').map(({ name }) => name));
  const concerns = slivers.filter(
    (sliver) =>
      toneOfSliver(sliver.state) === 'bad' ||
      isStuck(sliver, nowMs) ||
      // Elsewhere the node is the matter, and its slivers follow from it.
      (sliver.state === 'unreachable' && inService.has(sliver.node)),
  );
  const matters = [...mattersOfNodes(nodes), ...mattersOfSlivers(concerns)];
  return matters.sort(
    (a, b) => WEIGHT[a.tone] - WEIGHT[b.tone] || b.nodes.length - a.nodes.length || a.id.localeCompare(b.id),
  );
}

function mattersOfNodes(nodes: readonly PlcNode[]): Matter[] {
  const out = nodes.filter((node) => standingOf(node) !== 'in_service');
  const groups = Map.groupBy(out, (node) => {
    const standing = standingOf(node);
    // Each of those that are awaited has a reason of its own, with its name in it.
    return standing === 'registered' ? standing : `${standing} ${whyNotInService(node)}`;
  });
  return [...groups].map(([id, group]) => {
    const first = group[0] as PlcNode; // a group has a first member
    const standing = standingOf(first);
    const many = group.length > 1;
    const who = many ? `${group.length} nodes` : first.name;
    const title =
      standing === 'registered'
        ? `${who} ${many ? 'have' : 'has'} not joined`
        : `${who} ${many ? 'are' : 'is'} not in service`;
    const awaited = 'No machine has joined as these nodes yet. Invite one with: pl node invite NAME';
    return {
      id,
      tone: toneOfNode(first),
      title,
      reason: many && standing === 'registered' ? awaited : (whyNotInService(first) ?? ''),
      nodes: group.map((node) => node.name),
      slice: null,
    };
  });
}

function mattersOfSlivers(slivers: readonly Sliver[]): Matter[] {
  const groups = Map.groupBy(
    slivers,
    (sliver) => `${sliver.slice} ${sliver.state} ${sliver.reason?.code ?? ''} ${sliver.reason?.message ?? ''}`,
  );
  return [...groups].map(([id, group]) => {
    const first = group[0] as Sliver; // a group has a first member
    const where = group.length === 1 ? `on ${first.node}` : `on ${group.length} nodes`;
    const passing = toneOfSliver(first.state) === 'busy';
    return {
      id,
      tone: passing ? 'warn' : toneOfSliver(first.state),
      title: `${first.slice} ${passing ? 'long ' : ''}${first.state} ${where}`,
      reason: first.reason?.message ?? (passing ? 'This takes longer than it should.' : 'No reason was given.'),
      nodes: group.map((sliver) => sliver.node),
      slice: first.slice,
    };
  });
}
