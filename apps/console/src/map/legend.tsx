import type { PlcNode } from '@planetlab/contract';
import { STANDINGS, type Standing, standingOf } from '../nodes/standing.ts';
import { StateMark } from '../parts/state-mark.tsx';
import { TONES, type Tone } from '../parts/tone.ts';
import { tallyOf, WORDS_OF_TONE } from '../slices/tally.ts';
import type { SliceOnMap } from './dots.ts';

const ORDER: readonly Standing[] = ['in_service', 'held', 'disconnected', 'registered'];

interface Entry {
  readonly tone: Tone;
  readonly label: string;
  readonly count: number;
}

/** What the shapes mean, and what the map does not show. */
export function Legend({ nodes, slice }: { readonly nodes: readonly PlcNode[]; readonly slice: SliceOnMap | null }) {
  const placeless = nodes.filter(({ place }) => place === null).length;
  const note = slice === null ? 'Larger: more slivers.' : 'Lines join the nodes of the slice; they are not routes.';
  return (
    <figcaption className="pl-legend">
      {slice !== null && <strong>{slice.name}</strong>}
      {(slice === null ? entriesOfNodes(nodes) : entriesOfSlice(slice)).map(({ tone, label, count }) => (
        <StateMark key={label} tone={tone}>
          {label} <span className="pl-number">{count}</span>
        </StateMark>
      ))}
      <span className="pl-legend-note">
        {note}
        {placeless > 0 && ` ${placeless} without a place: in the table only.`}
      </span>
    </figcaption>
  );
}

function entriesOfNodes(nodes: readonly PlcNode[]): readonly Entry[] {
  const groups = Map.groupBy(nodes, standingOf);
  return ORDER.map((standing) => ({ ...STANDINGS[standing], count: groups.get(standing)?.length ?? 0 }));
}

function entriesOfSlice({ slivers }: SliceOnMap): readonly Entry[] {
  const tally = tallyOf(slivers.values());
  return TONES.filter((tone) => tone === 'good' || tally[tone] > 0).map((tone) => ({
    tone,
    label: WORDS_OF_TONE[tone],
    count: tally[tone],
  }));
}
