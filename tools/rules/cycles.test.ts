import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkCycles, circles } from './cycles.ts';
import { parseSource } from './source.ts';

const check = (files: Record<string, string>) =>
  checkCycles(Object.entries(files).map(([path, text]) => parseSource(path, text))).map(({ message }) => message);

describe('circles of imports', () => {
  it('are found across folders, with all their files', () => {
    const found = check({
      'p/a.ts': "import './x/b.ts';",
      'p/x/b.ts': "export * from '../c.ts';",
      'p/c.ts': "import { a } from './a.ts';",
      'p/d.ts': "import './a.ts';",
    });
    expect(found).toEqual([expect.stringContaining('p/a.ts, p/c.ts, p/x/b.ts')]);
  });

  it('do not count when one of the imports is of types only, or at run time', () => {
    expect(check({ 'a.ts': "import './b.ts';", 'b.ts': "import type { A } from './a.ts';" })).toEqual([]);
    expect(check({ 'a.ts': "import './b.ts';", 'b.ts': "void import('./a.ts');" })).toEqual([]);
  });

  it('are exactly the sets of files that reach each other', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f'];
    const node = fc.constantFrom(...nodes);
    fc.assert(
      fc.property(fc.array(fc.tuple(node, node), { maxLength: 12 }), (pairs) => {
        const edges = new Map(nodes.map((from) => [from, pairs.filter(([f]) => f === from).map(([, to]) => to)]));
        const reach = (from: string, seen = new Set<string>()): Set<string> => {
          for (const next of edges.get(from) ?? []) if (!seen.has(next)) reach(next, seen.add(next));
          return seen;
        };
        const expected = nodes
          .filter((n) => reach(n).has(n))
          .map((n) => nodes.filter((m) => reach(n).has(m) && reach(m).has(n)).join());
        expect(
          circles(edges)
            .map((part) => part.join())
            .sort(),
        ).toEqual([...new Set(expected)].sort());
      }),
    );
  });
});
