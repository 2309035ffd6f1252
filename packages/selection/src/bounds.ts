import type { ASTNode } from '@marcbachmann/cel-js';
import { PlanetLabError } from '@planetlab/model';

/** Expressions come from anybody. What one may cost is known before it is run: its size, its depth, and its steps. */
export const MOST_PARTS = 300;
export const MOST_DEPTH = 24;
export const MOST_LIST_ENTRIES = 200;
/** For one node: each part is a step, and what is asked of every entry of a list counts as often as there may be entries. */
export const MOST_STEPS = 2000;
/** Lists and maps of a node are cut to this many entries before an expression sees them. */
export const MOST_ENTRIES_SEEN = 64;

const FUNCTIONS: ReadonlySet<string> = new Set(['has', 'size']);
const METHODS: ReadonlySet<string> = new Set(['startsWith', 'endsWith', 'contains', 'lowerAscii', 'size']);
/** Ask something of every entry of a list. */
const MACROS: ReadonlySet<string> = new Set(['exists', 'exists_one', 'all']);
const OPERATORS: ReadonlySet<string> = new Set(
  ['value', 'id', '.', '[]', 'list', '?:', '||', '&&', '!_', '-_', '==', '!=', '<', '<=', '>', '>=', 'in'].concat([
    '+',
    '-',
    '*',
    '/',
    '%',
  ]),
);

/** Throws `malformed_expression` for what is not offered (no regular expressions, nothing that builds lists) or costs too much. */
export function requireBounded(ast: ASTNode): void {
  const steps = stepsOf(ast);
  if (steps > MOST_STEPS) {
    throw malformed(
      `It could take ${steps} steps for one node; ${MOST_STEPS} is the most. Ask less of every entry of a list.`,
    );
  }
}

export const malformed = (sentence: string): PlanetLabError =>
  new PlanetLabError('malformed_expression', `The expression cannot be used. ${sentence}`);

function stepsOf(node: ASTNode): number {
  if (!OPERATORS.has(node.op) && node.op !== 'call' && node.op !== 'rcall')
    throw malformed(`"${node.op}" is not offered.`);
  if (node.op === 'call') {
    const [name, values] = node.args;
    if (!FUNCTIONS.has(name)) throw notOffered(name);
    return 1 + sum(values);
  }
  if (node.op !== 'rcall') return 1 + sum(childrenOf(node));
  const [name, receiver, values] = node.args;
  if (METHODS.has(name)) return 1 + sum([receiver, ...values]);
  if (!MACROS.has(name)) throw notOffered(name);
  const entries = receiver.op === 'list' ? receiver.args.length : MOST_ENTRIES_SEEN;
  return 1 + stepsOf(receiver) + entries * sum(values);
}

const notOffered = (name: string): PlanetLabError =>
  malformed(
    `There is no function "${name}" here. There are: ${[...FUNCTIONS, ...METHODS, ...MACROS].sort().join(', ')}.`,
  );

const sum = (nodes: readonly ASTNode[]): number => nodes.reduce((steps, node) => steps + stepsOf(node), 0);

/** The parts of a part, of any operator: its operands, and no names or values. */
export function childrenOf(node: ASTNode): ASTNode[] {
  const args: unknown = node.args;
  return (Array.isArray(args) ? args.flat() : [args]).filter(isNode);
}

const isNode = (value: unknown): value is ASTNode =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
