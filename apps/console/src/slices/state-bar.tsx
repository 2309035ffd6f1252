import { TONES } from '../parts/tone.ts';
import { type Tally, tallyInWords, totalOf } from './tally.ts';

/** The states of many slivers as one small bar. */
export function StateBar({ tally }: { readonly tally: Tally }) {
  const total = totalOf(tally);
  return (
    <span className="pl-bar" role="img" aria-label={tallyInWords(tally)} title={tallyInWords(tally)}>
      {TONES.filter((tone) => tally[tone] > 0).map((tone) => (
        <span key={tone} className={`pl-bar-part pl-tone-${tone}`} style={{ flexGrow: tally[tone] / total }} />
      ))}
    </span>
  );
}
