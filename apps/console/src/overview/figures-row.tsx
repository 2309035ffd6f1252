import { Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import { StateBar } from '../slices/state-bar.tsx';
import type { Matter } from './attention.ts';
import type { Figures } from './figures.ts';

interface FiguresRowProps {
  readonly figures: Figures;
  readonly matters: readonly Matter[];
  readonly onRefused: () => void;
}

/** The state of the whole in four numbers. */
export function FiguresRow({ figures, matters, onRefused }: FiguresRowProps) {
  const { nodes, slices, slivers, refused, failed } = figures;
  const out = nodes.all - nodes.inService - nodes.notJoined;
  return (
    <section className="pl-figures" aria-label="Key figures">
      <Figure name="Nodes in service" value={nodes.inService} of={nodes.all}>
        {wordsFor([
          [out, 'out of service'],
          [nodes.notJoined, 'not joined yet'],
        ]) || (nodes.all === 0 ? 'none registered' : 'all of them')}
      </Figure>
      <Figure name="Slices" value={slices.all}>
        {slicesInWords(slices)}
      </Figure>
      <Figure name="Slivers running" value={slivers.running} of={slivers.all}>
        <StateBar tally={slivers.tally} />
      </Figure>
      <Figure
        name="Refused or failed"
        value={<RefusedButton count={refused + failed} matters={matters} onClick={onRefused} />}
        alarm={refused + failed > 0}
      >
        {wordsFor([
          [refused, 'refused'],
          [failed, 'failed'],
        ]) || 'nothing refused, nothing failed'}
      </Figure>
    </section>
  );
}

function slicesInWords({ all, expireSoon, suspended }: Figures['slices']): string {
  if (all === 0) return 'none yet';
  return (
    wordsFor([
      [suspended, 'suspended'],
      [expireSoon, expireSoon === 1 ? 'ends within 5 days' : 'end within 5 days'],
    ]) || 'none ends within 5 days'
  );
}

const wordsFor = (counts: readonly (readonly [number, string])[]): string =>
  counts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(', ');

interface FigureProps {
  readonly name: string;
  readonly value: ReactNode;
  readonly of?: number;
  readonly alarm?: boolean;
  readonly children: ReactNode;
}

const Figure = ({ name, value, of, alarm = false, children }: FigureProps) => (
  <div className="pl-figure" data-alarm={alarm}>
    <h2>{name}</h2>
    <p className="pl-figure-value">
      {value}
      {of !== undefined && <span className="pl-figure-of"> / {of}</span>}
    </p>
    <div className="pl-figure-note">{children}</div>
  </div>
);

interface RefusedButtonProps {
  readonly count: number;
  readonly matters: readonly Matter[];
  readonly onClick: () => void;
}

function RefusedButton({ count, matters, onClick }: RefusedButtonProps) {
  if (count === 0) return <>0</>;
  const reasons = matters.filter(({ slice, tone }) => slice !== null && tone === 'bad').slice(0, 6);
  return (
    <Tooltip
      multiline
      position="bottom"
      w={340}
      events={{ hover: true, focus: true, touch: true }}
      label={reasons.map(({ id, title, reason }) => (
        <span key={id} className="pl-tooltip-line">
          <strong>{title}.</strong> {reason}
        </span>
      ))}
    >
      <button type="button" className="pl-figure-button" onClick={onClick}>
        {count}
      </button>
    </Tooltip>
  );
}
