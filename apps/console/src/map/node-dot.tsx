import { type KeyboardEvent, memo } from 'react';
import { labelOfNode, placeOfNode, sliversOfNode, whyNotInService } from '../nodes/standing.ts';
import { ToneShape } from '../parts/state-mark.tsx';
import type { Look } from './dots.ts';

interface NodeDotProps {
  readonly look: Look;
  readonly selected: boolean;
  /** Marked as belonging to the selected slice; without the ring, others being dimmed says it. */
  readonly ringed: boolean;
  readonly tabStop: boolean;
  readonly onSelect: (name: string) => void;
  /** The card follows the pointer and the focus. */
  readonly onPoint: (name: string | null) => void;
  readonly onFocus: (name: string) => void;
}

const SMALLEST_TARGET = 9;

/** One node: a button in the shape of its state. */
export const NodeDot = memo(function NodeDot(props: NodeDotProps) {
  const { look, selected, ringed, tabStop, onSelect, onPoint, onFocus } = props;
  const { dot, tone, dimmed } = look;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    event.preventDefault();
    onSelect(dot.name);
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a shape within an SVG cannot be a <button>
    <g
      className="pl-dot"
      transform={`translate(${dot.x.toFixed(1)} ${dot.y.toFixed(1)})`}
      data-node={dot.name}
      data-dimmed={dimmed}
      role="button"
      tabIndex={tabStop ? 0 : -1}
      aria-pressed={selected}
      aria-label={spokenName(look)}
      onClick={() => onSelect(dot.name)}
      onKeyDown={onKeyDown}
      onPointerEnter={() => onPoint(dot.name)}
      onPointerLeave={() => onPoint(null)}
      onFocus={() => {
        onFocus(dot.name);
        onPoint(dot.name);
      }}
      onBlur={() => onPoint(null)}
    >
      <circle className="pl-dot-target" r={Math.max(SMALLEST_TARGET, dot.radius + 2)} />
      {(ringed || selected) && (
        <circle className="pl-dot-ring" data-selected={selected} r={dot.radius + (selected ? 5 : 3.5)} />
      )}
      <ToneShape tone={tone} radius={dot.radius} />
    </g>
  );
});

function spokenName({ dot: { node }, sliver }: Look): string {
  const own = sliver === undefined ? null : `${sliver.slice} is ${sliver.state} there`;
  const parts = [node.name, own, node.site, placeOfNode(node), labelOfNode(node), whyNotInService(node)];
  return `${parts.filter((part) => part !== null).join(', ')}, ${sliversOfNode(node)}`;
}
