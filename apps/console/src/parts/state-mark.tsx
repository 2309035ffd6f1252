import type { ReactNode } from 'react';
import type { Tone } from './tone.ts';

/** The shape of a tone, drawn around the origin: circle, diamond, square, triangle, ring. The same in tables and on the map. */
export function ToneShape({ tone, radius }: { readonly tone: Tone; readonly radius: number }) {
  const r = radius;
  const className = `pl-shape pl-tone-${tone}`;
  switch (tone) {
    case 'good':
      return <circle className={className} r={r} />;
    case 'busy':
      return <path className={className} d={`M0 ${-r * 1.2}L${r * 1.2} 0L0 ${r * 1.2}L${-r * 1.2} 0Z`} />;
    case 'warn':
      return <rect className={className} x={-r * 0.9} y={-r * 0.9} width={r * 1.8} height={r * 1.8} rx={r * 0.2} />;
    case 'bad':
      return <path className={className} d={`M0 ${-r * 1.2}L${r * 1.15} ${r * 0.85}H${-r * 1.15}Z`} />;
    case 'off':
      return <circle className={className} r={r * 0.85} />;
  }
}

/** A state in a word, with its shape. */
export const StateMark = ({ tone, children }: { readonly tone: Tone; readonly children: ReactNode }) => (
  <span className="pl-state">
    <svg viewBox="-7 -7 14 14" width={13} height={13} aria-hidden="true">
      <ToneShape tone={tone} radius={5} />
    </svg>
    <span>{children}</span>
  </span>
);
