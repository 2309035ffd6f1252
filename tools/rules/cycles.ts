import { posix } from 'node:path';
import type { Source } from './source.ts';
import type { Violation } from './violation.ts';

/** Files of one package do not import each other in a circle. Types and imports at run time (`import()`) do not count. */
export function checkCycles(sources: readonly Source[]): Violation[] {
  const known = new Set(sources.map(({ path }) => path));
  const edges = new Map(
    sources.map((source) => [
      source.path,
      source.imports
        .filter(({ kind, specifier }) => kind === 'static' && specifier.startsWith('.'))
        .map(({ specifier }) => posix.join(posix.dirname(source.path), specifier))
        .filter((target) => known.has(target)),
    ]),
  );
  return circles(edges).map((files) => ({
    file: files[0] ?? '',
    message: `These files import each other in a circle: ${files.join(', ')}. Move what they share to a file of its own.`,
  }));
}

/** The strongly connected parts of a graph that have more than one member, or one that points at itself (Tarjan). */
export function circles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const lower = (node: string, value: number | undefined) =>
    lowest.set(node, Math.min(lowest.get(node) ?? Number.POSITIVE_INFINITY, value ?? Number.POSITIVE_INFINITY));

  const visit = (node: string): void => {
    order.set(node, order.size);
    lower(node, order.get(node));
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) {
        visit(next);
        lower(node, lowest.get(next));
      } else if (stack.includes(next)) lower(node, order.get(next));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1 || (edges.get(node) ?? []).includes(node)) found.push(part.sort());
  };

  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
}
