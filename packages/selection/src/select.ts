import type { NodeName, ResourceKey, ResourceSums, SelectionRequest } from '@planetlab/model';
import { RESOURCE_KEYS } from '@planetlab/model';
import type { AllAttributes } from './attributes.ts';
import type { Candidate, MeasuredLatency } from './candidate.ts';
import { allAttributes, type Located, latencyBetween, originOf, placeOf } from './distance.ts';
import { sentenceOfTaken, sentenceOfUnneeded } from './explain.ts';
import { compile, type Expression } from './expression.ts';
import { groupOf } from './group.ts';
import { lotOf } from './rank.ts';
import { takeEvenly, takeFarApart } from './spread.ts';

/** Why a node was or was not taken. */
export type ChoiceCode =
  | 'taken'
  | 'not_needed'
  | 'excluded'
  | 'not_in_service'
  | 'does_not_match'
  | 'attribute_unknown'
  | 'no_room'
  | 'too_few';

export interface Choice {
  readonly node: NodeName;
  readonly taken: boolean;
  readonly code: ChoiceCode;
  readonly sentence: string;
}

export interface Selection {
  /** In the order in which they were taken; none when there are fewer than `min`. */
  readonly chosen: readonly NodeName[];
  /** Whether there were at least `min`. */
  readonly satisfied: boolean;
  /** The outcome in a sentence. */
  readonly summary: string;
  /** One line for each candidate, by name. */
  readonly explanation: readonly Choice[];
}

/** A candidate that matches, with what its preference depends on. */
export interface Match {
  readonly candidate: Candidate;
  readonly attributes: AllAttributes;
  readonly reused: boolean;
  readonly lot: number;
}

const NOTHING_MEASURED: MeasuredLatency = () => undefined;

/**
 * Chooses nodes. Pure and deterministic: the same candidates in any order, the same request and seed give the same
 * choice. Throws `malformed_expression`, and `unknown_node` when `near` names none of the candidates.
 */
export function select(
  candidates: readonly Candidate[],
  request: SelectionRequest,
  seed: number,
  measured: MeasuredLatency = NOTHING_MEASURED,
): Selection {
  const sieve = createSieve(candidates, request, seed, measured);
  const refused: Choice[] = [];
  const matches: Match[] = [];
  for (const candidate of candidates) {
    const result = sieve(candidate);
    if ('candidate' in result) matches.push(result);
    else refused.push(result);
  }
  matches.sort(byPreference);
  const wanted = request.count ?? matches.length;
  const chosen = matches.length < request.min ? [] : take(matches, wanted, request, measured);
  const explanation = [...refused, ...explainMatches(matches, chosen, request)];
  return {
    chosen: chosen.map(({ candidate }) => candidate.node),
    satisfied: matches.length >= request.min,
    summary: summaryOf(candidates.length, matches.length, chosen.length, request),
    explanation: explanation.sort((a, b) => compareText(a.node, b.node)),
  };
}

/** Tells those that match from those that do not, with the reason. */
function createSieve(
  candidates: readonly Candidate[],
  request: SelectionRequest,
  seed: number,
  measured: MeasuredLatency,
): (candidate: Candidate) => Match | Choice {
  const expression = compile(request.where);
  const origin = originOf(request.near, candidates);
  const excluded = new Set(request.exclude);
  const reused = new Set(request.reuse);
  return (candidate) => {
    const { node } = candidate;
    const no = (code: ChoiceCode, sentence: string): Choice => ({ node, taken: false, code, sentence });
    if (excluded.has(node)) return no('excluded', 'It was excluded by name.');
    if (!request.anyState && candidate.notInService !== null) return no('not_in_service', candidate.notInService);
    const attributes = allAttributes(candidate, origin, measured);
    const why = refusal(expression, attributes, request) ?? noRoom(candidate, request.needs, reused.has(node));
    if (why !== undefined) return no(why.code, why.sentence);
    return { candidate, attributes, reused: reused.has(node), lot: lotOf(seed, node) };
  };
}

interface Refusal {
  readonly code: ChoiceCode;
  readonly sentence: string;
}

function refusal(expression: Expression, attributes: AllAttributes, request: SelectionRequest): Refusal | undefined {
  const verdict = expression.judge(attributes);
  if (!verdict.matches) return verdict;
  const missing = missingForShape(attributes, request);
  return missing === undefined ? undefined : { code: 'attribute_unknown', sentence: missing };
}

/** What the shape goes by must be known, as for the expression. */
function missingForShape(attributes: AllAttributes, { near, spread }: SelectionRequest): string | undefined {
  const unplaced = attributes.latitude === null || attributes.longitude === null;
  if (near !== null && attributes.latency_ms === null)
    return unplaced
      ? 'How near it is cannot be told: its place is not known.'
      : 'How near it is cannot be told: the place of that node is not known.';
  if (spread === 'latency' && unplaced) return 'It cannot be spread by latency: its place is not known.';
  if (spread === null || spread === 'latency') return undefined;
  return groupOf(attributes, spread) === null
    ? `It cannot be spread by ${spread}: its ${spread} is not known.`
    : undefined;
}

const RESOURCE_WORDS: Readonly<Record<ResourceKey, readonly [thing: string, unit: string]>> = {
  cpuReservedMillis: ['CPU', 'thousandths of a core'],
  memoryMiB: ['memory', 'MiB'],
  diskMiB: ['disk', 'MiB'],
  processes: ['processes', ''],
  egressMinKbps: ['guaranteed egress', 'kbit/s'],
};

/** Where a sliver is already, it has its resources. */
function noRoom({ free }: Candidate, needs: ResourceSums | null, reused: boolean): Refusal | undefined {
  if (needs === null || reused) return undefined;
  if (free === null) return { code: 'attribute_unknown', sentence: 'What it has free is not known.' };
  const short = RESOURCE_KEYS.find((key) => free[key] < needs[key]);
  if (short === undefined) return undefined;
  const [thing, unit] = RESOURCE_WORDS[short];
  const amount = (value: number) => `${value} ${unit}`.trim();
  return {
    code: 'no_room',
    sentence: `It has ${amount(free[short])} of ${thing} free; ${amount(needs[short])} are needed.`,
  };
}

/** To be reused before others; nearer before farther; else by lot. */
function byPreference(a: Match, b: Match): number {
  if (a.reused !== b.reused) return a.reused ? -1 : 1;
  const nearer = (a.attributes.latency_ms ?? 0) - (b.attributes.latency_ms ?? 0);
  return nearer || a.lot - b.lot || compareText(a.candidate.node, b.candidate.node);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Of those to be reused as many as are wanted, then the rest from the others: both in the shape that was asked for. */
function take(matches: readonly Match[], count: number, request: SelectionRequest, measured: MeasuredLatency): Match[] {
  const old = takeShaped(
    matches.filter(({ reused }) => reused),
    count,
    request,
    measured,
    [],
  );
  const others = matches.filter(({ reused }) => !reused);
  return [...old, ...takeShaped(others, count - old.length, request, measured, old)];
}

function takeShaped(
  matches: readonly Match[],
  count: number,
  { spread }: SelectionRequest,
  measured: MeasuredLatency,
  already: readonly Match[],
): Match[] {
  if (spread === null) return matches.slice(0, count);
  if (spread !== 'latency') {
    return takeEvenly(matches, count, ({ attributes }) => groupOf(attributes, spread) ?? '', already);
  }
  const located = matches.map(toLocated);
  const far = takeFarApart(located, count, (a, b) => latencyBetween(a, b, measured), already.map(toLocated));
  return far.map(({ match }) => match);
}

function toLocated(match: Match): Located & { readonly match: Match } {
  const place = placeOf(match.candidate);
  if (place === null) throw new TypeError('a match that is spread by latency has a place');
  return { node: match.candidate.node, place, match };
}

function explainMatches(matches: readonly Match[], chosen: readonly Match[], request: SelectionRequest): Choice[] {
  const numbers = new Map(chosen.map((match, index) => [match, index + 1]));
  const few = `It matches, but only ${matches.length} ${matches.length === 1 ? 'does' : 'do'}, and ${request.min} ${are(request.min)} the least that is wanted.`;
  const unneeded = sentenceOfUnneeded(chosen, request);
  return matches.map((match) => {
    const { node } = match.candidate;
    const number = numbers.get(match);
    if (number !== undefined)
      return { node, taken: true, code: 'taken', sentence: sentenceOfTaken(match, number, request) };
    return chosen.length === 0
      ? { node, taken: false, code: 'too_few', sentence: few }
      : { node, taken: false, code: 'not_needed', sentence: unneeded(match) };
  });
}

function summaryOf(candidates: number, matches: number, chosen: number, { count, min }: SelectionRequest): string {
  const found = `${matches} of ${candidates} nodes match`;
  if (matches < min) return `${found}; ${min} ${are(min)} the least that is wanted, so none is taken.`;
  if (count === null) return `${found}, and all are taken.`;
  return chosen < count
    ? `${found}; ${count} were asked for, ${chosen} ${are(chosen)} taken.`
    : `${found}; ${chosen} ${are(chosen)} taken.`;
}

const are = (count: number): string => (count === 1 ? 'is' : 'are');
