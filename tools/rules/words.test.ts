import { describe, expect, it } from 'vitest';
import { parseSource } from './source.ts';
import { checkPhrases, checkTestsRun, checkUnfinished } from './words.ts';

// Put together here, so that this file itself follows the rules.
const folder = (...parts: string[]) => `/${parts.join('/')}/`;

describe('phrases', () => {
  const lines = (text: string) => checkPhrases(new Map([['a.md', text]])).map(({ line }) => line);

  it('must not name one machine’s paths', () => {
    expect(lines(`ok\nsee ${folder('work', 'main')}x\n"${folder('tmp', 'w')}a"\n${folder('Users', 'ada')}`)).toEqual([
      2, 3, 4,
    ]);
  });

  it('may name folders that only look alike', () => {
    expect(lines(`overlay${folder('work')}a\n./work/x\n/tmp/webcam\nnetwork/work/`)).toEqual([]);
  });

  it('must not name a registry, except as an example', () => {
    expect(lines(`https://${['registry', 'acme', 'com'].join('.')}/x\nregistry.example.org/image`)).toEqual([1]);
  });
});

describe('unfinished work', () => {
  const note = ['TO', 'DO'].join('');
  const check = (path: string, text: string) =>
    checkUnfinished(new Map([[path, text]]), path.endsWith('.ts') ? [parseSource(path, text)] : []).map(
      ({ line }) => line,
    );

  it('is found in comments and in documents', () => {
    expect(check('a.ts', `const a = 1;\n// ${note}: more\n`)).toEqual([2]);
    expect(check('a.sh', `true\n# ${note} later\n`)).toEqual([2]);
  });

  it('is not seen in what a program says', () => {
    expect(check('a.ts', `const a = '${note}';\n`)).toEqual([]);
  });
});

describe('tests that do not run', () => {
  const check = (code: string) => checkTestsRun([parseSource('a.test.ts', code)]).map(({ message }) => message);

  it.each([
    ["it.only('x', () => {});", 'remove "only"'],
    ["describe.only.each([1])('x', () => {});", 'remove "only"'],
    ["it.skip('x', () => {});", 'for good'],
    ["test.todo('x');", 'for good'],
    ["it.skipIf(notRoot)('x', () => {});", 'needs its reason'],
    ["it('x', (context) => context.skip());", 'without saying why'],
  ])('%s is refused', (code, reason) => {
    expect(check(code)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    "it('x', () => {});",
    "it.each([1])('x', () => {});",
    "it('x', (context) => context.skip('needs root'));",
    "// needs root to make namespaces\ndescribe.skipIf(notRoot)('x', () => {});",
    "const text = 'it.only(';",
    'cursor.skip(10);',
  ])('%s is fine', (code) => {
    expect(check(code)).toEqual([]);
  });
});
