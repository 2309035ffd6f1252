import type { Sliver } from '@planetlab/contract';
import { SLIVER_STATES, type SliverState, type StateKind } from '@planetlab/model';
import { TONES, type Tone } from '../parts/tone.ts';

const TONE_OF_STATE: Readonly<Record<SliverState, Tone>> = {
  requested: 'busy',
  starting: 'busy',
  stopping: 'busy',
  running: 'good',
  stopped: 'warn',
  unreachable: 'warn',
  refused: 'bad',
  failed: 'bad',
  gone: 'off',
};

export const toneOfSliver = (state: SliverState): Tone => TONE_OF_STATE[state];

/** Whether a sliver has been in a passing state for longer than such a state lasts. */
export function isStuck(sliver: Sliver, nowMs: number): boolean {
  const kind: StateKind = SLIVER_STATES[sliver.state];
  return kind.stuckAfterSeconds !== undefined && nowMs - Date.parse(sliver.since) > kind.stuckAfterSeconds * 1000;
}

export type Tally = Readonly<Record<Tone, number>>;
export const NO_TALLY: Tally = { good: 0, busy: 0, warn: 0, bad: 0, off: 0 };

export function tallyOf(slivers: Iterable<Sliver>): Tally {
  const tally = { ...NO_TALLY };
  for (const sliver of slivers) tally[toneOfSliver(sliver.state)] += 1;
  return tally;
}

/** The authority's two numbers as a tally, where the slivers themselves are not all at hand. */
export const tallyOfCounts = (slivers: number, running: number): Tally => ({
  ...NO_TALLY,
  good: running,
  busy: Math.max(0, slivers - running),
});

export const totalOf = (tally: Tally): number => TONES.reduce((sum, tone) => sum + tally[tone], 0);

export const WORDS_OF_TONE: Readonly<Record<Tone, string>> = {
  good: 'running',
  busy: 'on the way',
  warn: 'stopped or unreachable',
  bad: 'refused or failed',
  off: 'gone',
};

/** "3 running, 1 refused or failed". */
export function tallyInWords(tally: Tally): string {
  const parts = TONES.filter((tone) => tally[tone] > 0).map((tone) => `${tally[tone]} ${WORDS_OF_TONE[tone]}`);
  return parts.length === 0 ? 'no slivers' : parts.join(', ');
}
