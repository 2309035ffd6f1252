import { describe, expect, it } from 'vitest';
import { parseSource } from './source.ts';

const parse = (text: string) => parseSource('a.ts', text);

describe('a parsed source', () => {
  it('tells imports that run from types and from those at run time, and is not misled by strings and comments', () => {
    const source = parse(`import { a, type B } from './b.ts';
import type { C } from './c.ts';
export * from './d.ts';
export type { E } from './e.ts';
import './f.ts';
const g = () => import('./g.ts');
type H = import('./h.ts').H;
const text = "import { x } from './string.ts'"; // import './comment.ts'
`);
    expect(source.imports.map(({ specifier, kind, line }) => `${line} ${kind} ${specifier}`)).toEqual([
      '1 static ./b.ts',
      '2 type ./c.ts',
      '3 static ./d.ts',
      '4 type ./e.ts',
      '5 static ./f.ts',
      '6 dynamic ./g.ts',
      '7 type ./h.ts',
    ]);
  });

  it('measures functions of every form from their first line to their last', () => {
    const source = parse(`function one() {}
const two = () => {
  return 2;
};
class K {
  three() {
    return [1].map((x) => x);
  }
}
const o = { four() {} };
`);
    expect(source.functions.map(({ name, line, lines }) => `${name} ${line} ${lines}`)).toEqual([
      'one 1 1',
      'two 2 3',
      'three 6 3',
      '(anonymous) 7 1',
      'four 10 1',
    ]);
  });

  it('takes the body of describe for a chapter and not for a function, but measures the tests in it', () => {
    const source = parse(`describe.each([1])('x', () => {\n  it('y', () => {\n  });\n});\n`);
    const overNode = parse(`describeNode('x', NODE, (world) => {\n  it('y', () => {\n  });\n});\n`);
    expect(overNode.functions).toEqual(source.functions);
    expect(source.functions).toEqual([{ name: '(anonymous)', line: 2, lines: 2 }]);
  });

  it('sees a doc comment only as the first thing in the file', () => {
    const opens = ['/** Doc. */\nexport {};', '// line\nexport {};', '/* block */', 'export {};\n/** late */', ''];
    expect(opens.map((text) => parse(text).opensWithDoc)).toEqual([true, false, false, false, false]);
  });

  it('counts lines without the last line break', () => {
    expect([parse('').lines, parse('a;\n').lines, parse('a;\nb;').lines]).toEqual([1, 1, 2]);
  });

  it('is refused when it is not TypeScript', () => {
    expect(() => parse('const = ;')).toThrow('a.ts');
  });
});
