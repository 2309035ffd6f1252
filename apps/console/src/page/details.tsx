import type { Person } from '@planetlab/contract';
import { NodeDetails } from '../nodes/node-details.tsx';
import type { Matter } from '../overview/attention.ts';
import { AttentionList } from '../overview/attention-list.tsx';
import { DetailsCard } from '../parts/details-card.tsx';
import { SliceDetails } from '../slices/slice-details.tsx';
import { tallyOfCounts } from '../slices/tally.ts';
import { cleared, type Selection, withSlice } from './selection.ts';
import { type Planet, useSliversOf } from './use-planet.ts';

interface DetailsProps {
  readonly person: Person;
  readonly planet: Planet;
  readonly matters: readonly Matter[];
  readonly selection: Selection;
  readonly select: (next: Selection) => void;
  readonly onMatter: (matter: Matter) => void;
  readonly nowMs: number;
}

/** Of the selected node, else of the selected slice, else what needs a look. */
export function Details({ person, planet, matters, selection, select, onMatter, nowMs }: DetailsProps) {
  const slivers = useSliversOf(planet, selection.node === null ? {} : { node: selection.node });
  const close = () => select(cleared(selection));
  if (selection.node !== null) {
    const node = planet.nodes.find(({ name }) => name === selection.node);
    if (node === undefined) return <Unknown kind="Node" name={selection.node} command="pl node list" onClose={close} />;
    return (
      <NodeDetails
        person={person}
        node={node}
        slivers={slivers}
        nowMs={nowMs}
        onSlice={(slice) => select(withSlice(selection, slice))}
        onClose={close}
      />
    );
  }
  if (selection.slice !== null) {
    const slice = planet.slices.find(({ name }) => name === selection.slice);
    if (slice === undefined) {
      return <Unknown kind="Slice" name={selection.slice} command="pl slice list" onClose={close} />;
    }
    const tally = planet.tallies.get(slice.name) ?? tallyOfCounts(slice.slivers, slice.running);
    return <SliceDetails slice={slice} tally={tally} nowMs={nowMs} onClose={close} />;
  }
  return <AttentionList matters={matters} hasNodes={planet.nodes.length > 0} onMatter={onMatter} />;
}

interface UnknownProps {
  readonly kind: string;
  readonly name: string;
  readonly command: string;
  readonly onClose: () => void;
}

/** An address from yesterday may name what is no more. */
const Unknown = ({ kind, name, command, onClose }: UnknownProps) => (
  <DetailsCard kind={kind} name={name} onClose={onClose}>
    <p className="pl-quiet">
      There is none of this name that you may see; it may have been deleted. <code>{command}</code> shows what there is.
    </p>
  </DetailsCard>
);
