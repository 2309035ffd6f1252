import { type ESTree, parseSync } from 'vite';

/** What the rules need to know of one TypeScript file. */
export interface Source {
  readonly path: string;
  readonly lines: number;
  /** Whether the first thing in the file is a doc comment. */
  readonly opensWithDoc: boolean;
  readonly imports: readonly Import[];
  readonly functions: readonly FunctionSize[];
  readonly calls: readonly TestCall[];
  readonly comments: readonly Comment[];
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** `static` ones run the other file first; a `type` one vanishes; a `dynamic` one runs it later. */
  readonly kind: 'static' | 'type' | 'dynamic';
}

export interface FunctionSize {
  readonly name: string;
  readonly line: number;
  readonly lines: number;
}

/** A call whose callee is a dotted name, such as `context.skip(...)`. */
export interface TestCall {
  readonly callee: readonly string[];
  readonly line: number;
  readonly argumentCount: number;
}

export interface Comment {
  readonly text: string;
  readonly line: number;
  readonly endLine: number;
}

type LineOf = (offset: number) => number;

/** Parses a file. Throws when it is not TypeScript. */
export function parseSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text);
  const [error] = errors;
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`);
  const lineOf = lineFinder(text);
  const firstComment = comments[0];
  return {
    path,
    lines: lineOf(text.trimEnd().length),
    opensWithDoc: firstComment?.start === 0 && firstComment.type === 'Block' && firstComment.value.startsWith('*'),
    imports: importsOf(program, lineOf),
    functions: functionsOf(program, lineOf),
    calls: callsOf(program, lineOf),
    comments: comments.map(({ value, start, end }) => ({ text: value, line: lineOf(start), endLine: lineOf(end) })),
  };
}

function lineFinder(text: string): LineOf {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Visits a node and all nodes below it, parents before their children. */
function walk(node: ESTree.Node, visit: (node: ESTree.Node) => void): void {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, visit);
  }
}

// The parser's nodes, and nothing else in its tree, have a type and a place.
const isNode = (value: unknown): value is ESTree.Node =>
  typeof value === 'object' && value !== null && 'type' in value && 'start' in value;

function importsOf(program: ESTree.Program, lineOf: LineOf): Import[] {
  const imports: Import[] = [];
  const add = (node: ESTree.Node, source: ESTree.Node | null, kind: Import['kind']) => {
    if (source?.type !== 'Literal' || typeof source.value !== 'string') return;
    imports.push({ specifier: source.value, line: lineOf(node.start), kind });
  };
  const staticKind = (kind: string | undefined) => (kind === 'type' ? 'type' : 'static');
  walk(program, (node) => {
    if (node.type === 'ImportDeclaration') add(node, node.source, staticKind(node.importKind));
    if (node.type === 'ExportNamedDeclaration') add(node, node.source, staticKind(node.exportKind));
    if (node.type === 'ExportAllDeclaration') add(node, node.source, staticKind(node.exportKind));
    if (node.type === 'ImportExpression') add(node, node.source, 'dynamic');
    if (node.type === 'TSImportType') add(node, node.source, 'type');
  });
  return imports;
}

/** What begins a chapter of tests; `describeNode` does so over a running node. */
const CHAPTERS = new Set(['describe', 'describeNode']);

/** Every function but the bodies of chapters, which are no functions. */
function functionsOf(program: ESTree.Program, lineOf: LineOf): FunctionSize[] {
  const names = new Map<ESTree.Node, string>();
  const chapters = new Set<ESTree.Node>();
  const functions: FunctionSize[] = [];
  walk(program, (node) => {
    const named = namedValue(node);
    if (named !== undefined) names.set(named.value, named.name);
    if (node.type === 'CallExpression' && CHAPTERS.has(calleePath(node.callee)[0] ?? '')) {
      for (const argument of node.arguments) chapters.add(argument);
    }
    if (!isFunction(node) || chapters.has(node)) return;
    const line = lineOf(node.start);
    const name = node.id?.name ?? names.get(node) ?? '(anonymous)';
    functions.push({ name, line, lines: lineOf(node.end) - line + 1 });
  });
  return functions;
}

type FunctionNode = ESTree.Function | ESTree.ArrowFunctionExpression;

const isFunction = (node: ESTree.Node): node is FunctionNode =>
  node.type === 'FunctionDeclaration' || node.type === 'FunctionExpression' || node.type === 'ArrowFunctionExpression';

/** What a node gives a name to: `const name = value`, `{ name: value }`, `class { name() {} }`. */
function namedValue(node: ESTree.Node): { name: string; value: ESTree.Node } | undefined {
  const isDeclarator = node.type === 'VariableDeclarator';
  const isMember = node.type === 'Property' || node.type === 'MethodDefinition' || node.type === 'PropertyDefinition';
  if (!isDeclarator && !isMember) return undefined;
  const key = isDeclarator ? node.id : node.key;
  const value = isDeclarator ? node.init : node.value;
  return key.type === 'Identifier' && value !== null ? { name: key.name, value } : undefined;
}

function callsOf(program: ESTree.Program, lineOf: LineOf): TestCall[] {
  const calls: TestCall[] = [];
  walk(program, (node) => {
    // Of `it.each(rows)(...)` the inner call is enough.
    if (node.type !== 'CallExpression' || node.callee.type === 'CallExpression') return;
    const callee = calleePath(node.callee);
    if (callee.length === 0) return;
    calls.push({ callee, line: lineOf(node.start), argumentCount: node.arguments.length });
  });
  return calls;
}

/** `['describe', 'each']` for `describe.each`, and for `describe.each(rows)`, which is called again. */
function calleePath(node: ESTree.Expression): string[] {
  if (node.type === 'Identifier') return [node.name];
  if (node.type === 'CallExpression') return calleePath(node.callee);
  if (node.type !== 'MemberExpression' || node.computed) return [];
  const object = calleePath(node.object);
  return object.length > 0 && node.property.type === 'Identifier' ? [...object, node.property.name] : [];
}
