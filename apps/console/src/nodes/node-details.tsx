import {
  availabilityInWords,
  type NodeFacts,
  type Person,
  type PlcNode,
  type Sliver,
  useInWords,
  wayInWords,
} from '@planetlab/contract';
import { ago } from '../parts/ago.ts';
import { DetailsCard } from '../parts/details-card.tsx';
import { Fact } from '../parts/fact.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { whoOf } from '../parts/who.ts';
import { toneOfSliver } from '../slices/tally.ts';
import { InterfacesForm } from './interfaces-form.tsx';
import { MemoryMeter } from './memory-meter.tsx';
import { RebootForm } from './reboot-form.tsx';
import {
  decisionsOf,
  interfacesInWords,
  labelOfNode,
  mayManageNode,
  placeOfNode,
  sinceOfNode,
  tagsInWords,
  toneOfNode,
  vmmOfNode,
  whyNotInService,
} from './standing.ts';

interface NodeDetailsProps {
  /** Who is signed in. */
  readonly person: Person;
  readonly node: PlcNode;
  readonly slivers: readonly Sliver[];
  readonly nowMs: number;
  readonly onSlice: (name: string) => void;
  readonly onClose: () => void;
}

export function NodeDetails({ person, node, slivers, nowMs, onSlice, onClose }: NodeDetailsProps) {
  const { facts } = node;
  const whyNot = whyNotInService(node);
  return (
    <DetailsCard kind="Node" name={node.name} onClose={onClose}>
      <p className="pl-details-state">
        <StateMark tone={toneOfNode(node)}>{labelOfNode(node)}</StateMark>
        <span className="pl-quiet">{sinceOfNode(node, nowMs)}</span>
      </p>
      {whyNot !== null && <p className="pl-reason">{whyNot}</p>}
      <dl className="pl-facts">
        <Fact name="Site">{node.site}</Fact>
        <Fact name="Place">{placeOfNode(node) ?? 'not declared'}</Fact>
        {decisionsOf(node).map(({ name, decision }) => (
          <Fact key={name} name={name}>
            {whyNot?.includes(decision.reason) !== true && `${decision.reason} `}
            <span className="pl-quiet">
              {whoOf(decision.by)}, {ago(decision.at, nowMs)}
            </span>
          </Fact>
        ))}
        {node.interfaces.length > 0 && <Fact name="Interfaces">{interfacesInWords(node.interfaces)}</Fact>}
        {node.groups.length > 0 && <Fact name="Groups">{node.groups.join(', ')}</Fact>}
        {Object.keys(node.tags).length > 0 && <Fact name="Tags">{tagsInWords(node.tags)}</Fact>}
        <Fact name="VMM">
          {vmmOfNode(node)}
          {facts !== null && <span className="pl-quiet"> {facts.vmm.detail}</span>}
        </Fact>
        {facts !== null && (
          <>
            <Fact name="Memory">
              <MemoryMeter leasedMiB={facts.leased.memoryMiB} capacityMiB={facts.capacity.memoryMiB} />
            </Fact>
            <Fact name="Host">
              Linux {facts.kernel}, {facts.architecture}
            </Fact>
          </>
        )}
        <MeasuredFacts node={node} nowMs={nowMs} />
      </dl>
      {facts !== null && <Lacks facts={facts} />}
      {mayManageNode(person, node) && (
        <div className="pl-node-forms" key={node.name}>
          <RebootForm node={node} />
          <InterfacesForm node={node} />
        </div>
      )}
      <SliversHere slivers={slivers} onSlice={onSlice} />
    </DetailsCard>
  );
}

/** What sensors say, as far as they do. */
const MeasuredFacts = ({ node, nowMs }: Pick<NodeDetailsProps, 'node' | 'nowMs'>) => (
  <>
    {node.facts?.sensors !== undefined && <Fact name="In use">{useInWords(node.facts.sensors)}</Fact>}
    {node.measured !== null && (
      <Fact name="Way to it">
        {wayInWords(node.measured)} <span className="pl-quiet">{ago(node.measured.at, nowMs)}</span>
      </Fact>
    )}
    {node.availability !== null && <Fact name="Connected">{availabilityInWords(node.availability)}</Fact>}
  </>
);

/** What the machine cannot do, and why. */
function Lacks({ facts }: { readonly facts: NodeFacts }) {
  const missing = facts.features.filter((feature) => !feature.available);
  if (missing.length === 0) return null;
  return (
    <details>
      <summary>Lacks {missing.map(({ feature }) => feature).join(', ')}</summary>
      {missing.map(({ feature, reason }) => (
        <p key={feature} className="pl-quiet">
          {feature}: {reason}
        </p>
      ))}
    </details>
  );
}

const SliversHere = ({ slivers, onSlice }: Pick<NodeDetailsProps, 'slivers' | 'onSlice'>) => (
  <>
    <h3>Slivers</h3>
    {slivers.length === 0 && <p className="pl-quiet">None of yours.</p>}
    <ul className="pl-list">
      {slivers.map((sliver) => (
        <li key={sliver.slice}>
          <button type="button" className="pl-link" onClick={() => onSlice(sliver.slice)}>
            {sliver.slice}
          </button>
          <StateMark tone={toneOfSliver(sliver.state)}>{sliver.state}</StateMark>
          {sliver.reason !== null && <span className="pl-reason">{sliver.reason.message}</span>}
        </li>
      ))}
    </ul>
  </>
);
