import type { PlcNode, Sliver } from '@planetlab/contract';
import { standingOf, whyNotInService } from '../nodes/standing.ts';
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
  const matters = [...matterOfNodes(nodes), ...matterOfSlivers(slivers, nowMs)];
  return matters.sort(
    (a, b) => WEIGHT[a.tone] - WEIGHT[b.tone] || b.nodes.length - a.nodes.length || a.id.localeCompare(b.id),
  );
}

function matterOfNodes(nodes: readonly PlcNode[]): Matter[] {
  const out = nodes.filter((node) => standingOf(node) === 'held' || standingOf(node) === 'disconnected');
  const groups = Map.groupBy(out, (node) => `${standingOf(node)} ${whyNotInService(node)}`);
  return [...groups].map(([id, group]) => ({
    id,
    tone: standingOf(group[0] as PlcNode) === 'held' ? 'warn' : 'bad', // a group has a first member
    title: group.length === 1 ? `${group[0]?.name} is not in service` : `${group.length} nodes are not in service`,
    reason: whyNotInService(group[0] as PlcNode) ?? '',
    nodes: group.map((node) => node.name),
    slice: null,
  }));
}

function matterOfSlivers(slivers: readonly Sliver[], nowMs: number): Matter[] {
  const groups = Map.groupBy(
    slivers.filter((sliver) => toneOfSliver(sliver.state) === 'bad' || isStuck(sliver, nowMs)),
    (sliver) => `${sliver.slice} ${sliver.state} ${sliver.reason?.code ?? ''} ${sliver.reason?.message ?? ''}`,
  );
  return [...groups].map(([id, group]) => {
    const first = group[0] as Sliver; // a group has a first member
    const where = group.length === 1 ? `on ${first.node}` : `on ${group.length} nodes`;
    const bad = toneOfSliver(first.state) === 'bad';
    return {
      id,
      tone: bad ? 'bad' : 'warn',
      title: bad ? `${first.slice} ${first.state} ${where}` : `${first.slice} long ${first.state} ${where}`,
      reason: first.reason?.message ?? (bad ? 'No reason was given.' : 'This takes longer than it should.'),
      nodes: group.map((sliver) => sliver.node),
      slice: first.slice,
    };
  });
}
