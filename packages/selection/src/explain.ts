import type { SelectionRequest } from '@planetlab/model';
import { groupOf } from './group.ts';
import type { Match } from './select.ts';

export function sentenceOfTaken(match: Match, number: number, { spread }: SelectionRequest): string {
  const { attributes } = match;
  const why = [
    match.reused ? 'is to be reused' : undefined,
    attributes.latency_ms === null ? undefined : `is ${Math.round(attributes.latency_ms)} ms away`,
    spread === null || spread === 'latency' ? undefined : `is in ${groupOf(attributes, spread)}`,
    spread === 'latency' ? 'is far from the others' : undefined,
  ].filter((part) => part !== undefined);
  const and = why.length === 0 ? '' : ` and ${why.join(', ')}`;
  return `Taken as number ${number}: it matches${and}.`;
}

/** For nodes that match and were not needed. */
export function sentenceOfUnneeded(chosen: readonly Match[], request: SelectionRequest): (match: Match) => string {
  const { spread } = request;
  if (spread === 'latency') return () => 'It matches, but others are farther from each other.';
  if (spread !== null) {
    const taken = Map.groupBy(chosen, ({ attributes }) => groupOf(attributes, spread) ?? '');
    return ({ attributes }) => {
      const group = groupOf(attributes, spread) ?? '';
      const count = taken.get(group)?.length ?? 0;
      return `It matches, but ${enough(chosen.length)}, and ${count === 0 ? 'none' : count} of them had to be in ${group}.`;
    };
  }
  if (request.near === null) return () => `It matches, but ${enough(chosen.length)}, and the lot fell on others.`;
  return ({ attributes }) =>
    `It matches, but ${enough(chosen.length)}, nearer or reused; it is ${Math.round(attributes.latency_ms ?? 0)} ms away.`;
}

const enough = (count: number): string => (count === 1 ? '1 was enough' : `${count} were enough`);
