import {
  labelOfNode,
  placeOfNode,
  sinceOfNode,
  sliversOfNode,
  toneOfNode,
  vmmOfNode,
  whyNotInService,
} from '../nodes/standing.ts';
import { StateMark } from '../parts/state-mark.tsx';
import { toneOfSliver } from '../slices/tally.ts';
import type { Look } from './dots.ts';
import type { Size } from './projection.ts';

interface NodeCardProps {
  readonly look: Look;
  readonly size: Size;
  readonly nowMs: number;
}

const CARD_WIDTH = 250;
const GAP = 12;

/** What one wants to know of the node under the pointer. Hidden from screen readers: the dot's own name says the same. */
export function NodeCard({ look, size, nowMs }: NodeCardProps) {
  const { dot, sliver } = look;
  const { node } = dot;
  const left = Math.max(4, Math.min(size.width - CARD_WIDTH - 4, dot.x - CARD_WIDTH / 2));
  const below = dot.y < size.height / 2;
  const vertical = below ? { top: dot.y + dot.radius + GAP } : { bottom: `calc(100% - ${dot.y - dot.radius - GAP}px)` };
  return (
    <div className="pl-card" aria-hidden="true" style={{ left, width: CARD_WIDTH, ...vertical }}>
      <strong>{node.name}</strong>
      <span className="pl-quiet">
        {node.site} · {placeOfNode(node)}
      </span>
      <span className="pl-card-state">
        <StateMark tone={toneOfNode(node)}>{labelOfNode(node)}</StateMark>
        <span className="pl-quiet">{sinceOfNode(node, nowMs)}</span>
      </span>
      {whyNotInService(node) !== null && <span className="pl-reason">{whyNotInService(node)}</span>}
      {sliver !== undefined && (
        <span className="pl-card-sliver">
          <StateMark tone={toneOfSliver(sliver.state)}>
            {sliver.slice} {sliver.state}
          </StateMark>
          {sliver.reason !== null && <span className="pl-reason">{sliver.reason.message}</span>}
        </span>
      )}
      <span className="pl-quiet">
        {sliversOfNode(node)} · VMM {vmmOfNode(node)}
      </span>
    </div>
  );
}
