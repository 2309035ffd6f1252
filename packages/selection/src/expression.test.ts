import { describe, expect, it } from 'vitest';
import { ATTRIBUTE_NAMES, ATTRIBUTES, type Attributes } from './attributes.ts';
import { compile } from './expression.ts';
import { candidate } from './testing/candidates.ts';

const attributesOf = (attributes: Partial<Attributes>) => ({
  ...candidate('one', attributes).attributes,
  distance_km: null,
  latency_ms: null,
});
const judge = (source: string, attributes: Partial<Attributes> = {}) => compile(source).judge(attributesOf(attributes));
const refusal = (source: string): string => {
  try {
    compile(source);
  } catch (error) {
    expect(error).toMatchObject({ code: 'malformed_expression' });
    return (error as Error).message;
  }
  throw new Error(`${source.slice(0, 50)} was accepted`);
};

describe('an expression', () => {
  it.each<[string, Partial<Attributes>]>([
    ['country == "CH" && memory_free_mib > 1000', { country: 'CH', memory_free_mib: 1001 }],
    ['cores >= 2', { cores: 2.5 }],
    ['memory_free_mib / 2 > 100', { memory_free_mib: 202 }],
    ['country in ["CH", "DE"]', { country: 'DE' }],
    ['tags.rack == "b4"', { tags: { rack: 'b4' } }],
    ['!has(tags.rack)', { tags: {} }],
    ['"debian-12" in images', { images: ['debian-12'] }],
    ['images.exists(image, image.startsWith("debian"))', { images: ['alpine', 'debian-12'] }],
    ['(country == "CH" || country == "DE") && !simulated', { country: 'DE', simulated: false }],
    ['country == "CH" || memory_free_mib > 1', { country: null, memory_free_mib: 2 }],
  ])('%s matches', (source, attributes) => {
    expect(judge(source, attributes)).toEqual({ matches: true });
  });

  it('says which part did not hold, and what the node has', () => {
    expect(judge('country == "CH" && memory_free_mib > 1000', { country: 'CH', memory_free_mib: 512 })).toEqual({
      matches: false,
      code: 'does_not_match',
      sentence: 'memory_free_mib > 1000 does not hold: memory_free_mib is 512.',
    });
  });

  it.each(['country == "CH"', 'country != "CH"', '!(country == "CH")', 'country != "CH" && memory_mib > 0'])(
    'an attribute that is not known never matches: %s',
    (source) => {
      const verdict = judge(source, { country: null });
      expect(verdict).toMatchObject({ matches: false, code: 'attribute_unknown' });
      expect(verdict).toHaveProperty('sentence', expect.stringContaining('country is not known.'));
    },
  );

  it('a tag that a node does not have never matches', () => {
    expect(judge('tags.rack != "b4"')).toMatchObject({
      code: 'attribute_unknown',
      sentence: 'tags.rack != "b4" cannot be decided: it has no "rack".',
    });
    expect(judge('tags.constructor == "x"')).toMatchObject({ matches: false });
  });

  it('what is false decides, whatever else is not known', () => {
    expect(judge('country == "CH" && cores > 4', { country: null, cores: 2 })).toMatchObject({
      code: 'does_not_match',
    });
  });

  it('every attribute may be asked for, by its type', () => {
    const test = { string: 'X == "a"', int: 'X > 1', double: 'X > 1.5', bool: 'X' } as const;
    for (const name of ATTRIBUTE_NAMES) {
      const { type } = ATTRIBUTES[name];
      const form = type === 'list<string>' ? '"a" in X' : type === 'map<string, string>' ? 'X.a == "a"' : test[type];
      expect([...compile(form.replace('X', name)).attributes]).toEqual([name]);
    }
  });
});

describe('an expression that cannot be used', () => {
  it.each([
    ['colour == "red"', 'There is no attribute "colour"'],
    ['memory_mib > "many"', 'no such overload'],
    ['memory_mib', 'its value is of type int'],
    ['memory_mib >', 'Unexpected token'],
    ['country = "CH"', 'The expression cannot be used'],
    ['', 'The expression cannot be used'],
  ])('%s is refused with the reason', (source, reason) => {
    expect(refusal(source)).toContain(reason);
  });
});

describe('a hostile expression', () => {
  const nested = (depth: number): string => (depth === 0 ? 'true' : `images.exists(a${depth}, ${nested(depth - 1)})`);
  it.each([
    ['a regular expression that backtracks', 'name.matches("(a+)+$")', 'There is no function "matches"'],
    ['lists within lists', nested(3), 'steps for one node'],
    ['a list that grows', '[1, 2].map(x, [x, x]).size() > 0', 'There is no function "map"'],
    ['a binding', 'cel.bind(x, 1, x > 0)', 'There is no function "bind"'],
    ['a text that is cut and joined', '"a,b".split(",").size() > 1', 'There is no function "split"'],
    ['a conversion', 'string(memory_mib) == "1"', 'There is no function "string"'],
    ['a map', '{"a": 1}.size() == 1', 'cannot be used'],
    ['a thousand parts', `true${' && true'.repeat(1000)}`, 'maxAstNodes'],
    ['a thousand parentheses', `${'('.repeat(1000)}true${')'.repeat(1000)}`, 'maxDepth'],
    ['a thousand negations', `${'!'.repeat(1000)}true`, 'Exceeded'],
    ['a list without end', `1 in [${'1,'.repeat(1000)}1]`, 'Exceeded'],
    ['an open text', '"'.repeat(1999), 'The expression cannot be used'],
  ])('%s is refused in a short sentence', (_what, source, reason) => {
    const message = refusal(source);
    expect(message).toContain(reason);
    expect(message.length).toBeLessThan(700);
  });

  it('with a number beyond all is false, and is not repeated for every node', () => {
    const verdict = judge(`memory_mib > ${'9'.repeat(1900)}`);
    expect(verdict).toMatchObject({ code: 'does_not_match' });
    expect(JSON.stringify(verdict).length).toBeLessThan(300);
  });

  it('sees no more than the first entries of what a node says of itself', () => {
    const images = Array.from({ length: 5000 }, (_, index) => `image-${index}`);
    expect(judge('images.size() == 64', { images })).toEqual({ matches: true });
  });
});
