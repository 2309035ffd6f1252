import { type ASTNode, Environment } from '@marcbachmann/cel-js';
import serialize from '@marcbachmann/cel-js/serialize';
import { type AllAttributes, ATTRIBUTE_NAMES, ATTRIBUTES, type AttributeName, isAttributeName } from './attributes.ts';
import {
  childrenOf,
  MOST_DEPTH,
  MOST_ENTRIES_SEEN,
  MOST_LIST_ENTRIES,
  MOST_PARTS,
  malformed,
  requireBounded,
} from './bounds.ts';

/** Whether a node matches, and else why not, in a sentence. */
export type Verdict =
  | { readonly matches: true }
  | { readonly matches: false; readonly code: 'does_not_match' | 'attribute_unknown'; readonly sentence: string };

/** An expression that was checked: its names, types and bounds are good. */
export interface Expression {
  readonly attributes: ReadonlySet<AttributeName>;
  /** What is not known makes its part of the expression neither true nor false: a node does not match by it. */
  judge(attributes: AllAttributes): Verdict;
}

type Run = (context: Readonly<Record<string, unknown>>) => unknown;

/** One of the parts that `&&` joins at the top: they are judged one by one, so that a refusal can name the one that failed. */
interface Clause {
  readonly text: string;
  readonly attributes: readonly AttributeName[];
  readonly run: Run;
}

const environment = createEnvironment();

function createEnvironment(): Environment {
  const made = new Environment({
    limits: {
      maxAstNodes: MOST_PARTS,
      maxDepth: MOST_DEPTH,
      maxListElements: MOST_LIST_ENTRIES,
      maxMapEntries: 0,
      maxCallArguments: 4,
    },
  });
  for (const name of ATTRIBUTE_NAMES) made.registerVariable(name, ATTRIBUTES[name].type);
  return made;
}

/** Throws `malformed_expression` with what is wrong. */
export function compile(source: string): Expression {
  const { ast } = parse(source);
  requireBounded(ast);
  requireBoolean(source);
  const clauses = clausesOf(ast).map(toClause);
  return {
    attributes: new Set(clauses.flatMap((clause) => clause.attributes)),
    judge: (attributes) => judge(clauses, attributes),
  };
}

function parse(source: string) {
  try {
    return environment.parse(source);
  } catch (error) {
    throw malformed(`${summaryOf(error)}.`);
  }
}

function requireBoolean(source: string): void {
  const { valid, type, error } = environment.check(source);
  if (!valid) throw malformed(`${explained(summaryOf(error))}.`);
  if (type !== 'bool') throw malformed(`It must say whether a node is wanted, but its value is of type ${type}.`);
}

/** The library's errors show the whole source; the summary does not. */
const summaryOf = (error: unknown): string =>
  error instanceof Error && 'summary' in error && typeof error.summary === 'string'
    ? error.summary.slice(0, 200)
    : 'It is not CEL';

function explained(summary: string): string {
  const unknown = /^Unknown variable: (.+)$/.exec(summary)?.[1];
  return unknown === undefined
    ? summary
    : `There is no attribute "${unknown}". There are: ${ATTRIBUTE_NAMES.join(', ')}`;
}

const clausesOf = (ast: ASTNode): ASTNode[] => (ast.op === '&&' ? ast.args.flatMap(clausesOf) : [ast]);

function toClause(ast: ASTNode): Clause {
  const source = serialize(ast);
  return { text: shortened(source, LONGEST_CLAUSE), attributes: [...namesIn(ast)], run: parse(source) };
}

function namesIn(ast: ASTNode): Set<AttributeName> {
  if (ast.op === 'id') return new Set(isAttributeName(ast.args) ? [ast.args] : []);
  return new Set(childrenOf(ast).flatMap((child) => [...namesIn(child)]));
}

/** As CEL's own `&&`: one part that is false decides, whatever else is not known. */
function judge(clauses: readonly Clause[], attributes: AllAttributes): Verdict {
  let undecided: Verdict | undefined;
  for (const clause of clauses) {
    const value = decide(clause, attributes);
    if (value === false) {
      const sentence = `${clause.text} does not hold${valuesOf(clause, attributes)}.`;
      return { matches: false, code: 'does_not_match', sentence };
    }
    if (value !== true) undecided ??= { matches: false, code: 'attribute_unknown', sentence: value };
  }
  return undecided ?? { matches: true };
}

/** True, false, or why it is neither. */
function decide(clause: Clause, attributes: AllAttributes): boolean | string {
  try {
    return clause.run(contextOf(clause, attributes)) === true;
  } catch (error) {
    const missing = clause.attributes.filter((name) => attributes[name] === null);
    return missing.length > 0
      ? `${clause.text} cannot be decided: ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} not known.`
      : `${clause.text} cannot be decided: ${reasonOf(error)}.`;
  }
}

function reasonOf(error: unknown): string {
  const summary = summaryOf(error);
  const key = /^No such key: (.+)$/.exec(summary)?.[1];
  return key === undefined ? summary : `it has no "${key}"`;
}

/** Only what the clause asks for, and of that only what is known. Whole numbers of CEL are BigInt. */
function contextOf(clause: Clause, attributes: AllAttributes): Record<string, unknown> {
  const context: Record<string, unknown> = {};
  for (const name of clause.attributes) {
    const value = attributes[name];
    if (value !== null) context[name] = toCel(value, name);
  }
  return context;
}

function toCel(value: NonNullable<AllAttributes[AttributeName]>, name: AttributeName): unknown {
  if (typeof value === 'number') return ATTRIBUTES[name].type === 'int' ? BigInt(Math.trunc(value)) : value;
  if (typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.slice(0, MOST_ENTRIES_SEEN);
  return new Map(Object.entries(value).slice(0, MOST_ENTRIES_SEEN));
}

const MOST_VALUES_SHOWN = 4;

function valuesOf({ attributes: names }: Clause, attributes: AllAttributes): string {
  const shown = names.slice(0, MOST_VALUES_SHOWN).flatMap((name) => {
    const value = attributes[name];
    return value === null ? [] : [`${name} is ${textOf(value)}`];
  });
  return shown.length === 0 ? '' : `: ${shown.join(', ')}`;
}

/** An explanation repeats them for every node. */
const LONGEST_CLAUSE = 160;
const LONGEST_VALUE = 80;

function textOf(value: NonNullable<AllAttributes[AttributeName]>): string {
  const text = typeof value === 'number' ? String(Math.round(value * 10) / 10) : JSON.stringify(value);
  return shortened(text, LONGEST_VALUE);
}

const shortened = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);
