import type { Slice } from '@planetlab/contract';
import { formatKbps, formatMiB, portKey } from '@planetlab/model';
import { ago, expiresIn, inFull } from '../parts/ago.ts';
import { DetailsCard } from '../parts/details-card.tsx';
import { Fact } from '../parts/fact.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { whoOf } from '../parts/who.ts';
import { StateBar } from './state-bar.tsx';
import { type Tally, tallyInWords } from './tally.ts';

interface SliceDetailsProps {
  readonly slice: Slice;
  readonly tally: Tally;
  readonly nowMs: number;
  readonly onClose: () => void;
}

export function SliceDetails({ slice, tally, nowMs, onClose }: SliceDetailsProps) {
  const { cpuShares, memoryMiB, diskMiB, processes, egress, newFlowsPerSecond, ports } = slice.resources;
  return (
    <DetailsCard kind="Slice" name={slice.name} onClose={onClose}>
      {slice.description !== '' && <p>{slice.description}</p>}
      {slice.suspensions.map(({ cause, reason, at, by }) => (
        <div key={cause}>
          <p className="pl-details-state" title={inFull(at)}>
            <StateMark tone="warn">suspended</StateMark>
            <span className="pl-quiet">
              {whoOf(by)}, {ago(at, nowMs)}
            </span>
          </p>
          <p className="pl-reason">{reason}</p>
        </div>
      ))}
      <StateBar tally={tally} />
      <p className="pl-quiet">{tallyInWords(tally)}</p>
      <dl className="pl-facts">
        <Fact name="Expires">
          <span title={inFull(slice.expiresAt)}>{expiresIn(slice.expiresAt, nowMs)}</span>
        </Fact>
        <Fact name="Image">{slice.image}</Fact>
        <Fact name="Each sliver">
          {formatMiB(memoryMiB)} memory, {formatMiB(diskMiB)} disk, {processes} processes, CPU share {cpuShares}
        </Fact>
        <Fact name="Egress">
          {formatKbps(egress.minKbps)} to {formatKbps(egress.maxKbps)}, share {egress.shares},{' '}
          {formatMiB(egress.dailyMiB)} a day, {newFlowsPerSecond} new flows a second
        </Fact>
        {ports.length > 0 && <Fact name="Ports">{ports.map(portKey).join(', ')}</Fact>}
        <Fact name="People">{slice.persons.length === 0 ? 'nobody' : slice.persons.join(', ')}</Fact>
        {slice.initialCommand !== '' && <Fact name="First runs">{slice.initialCommand}</Fact>}
        {slice.maxNodes !== null && <Fact name="Node limit">{slice.maxNodes}</Fact>}
        {slice.url !== '' && <Fact name="URL">{slice.url}</Fact>}
      </dl>
    </DetailsCard>
  );
}
