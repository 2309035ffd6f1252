import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ATTRIBUTE_NAMES, ATTRIBUTES } from './attributes.ts';

it('docs/selection.md shows every attribute with its type, source and meaning', () => {
  const text = readFileSync(new URL('../../../docs/selection.md', import.meta.url), 'utf8');
  const shown = text
    .split('\n')
    .filter((line) => /^\| `\w+` \| \S+.* \| (authority|node|sensor|request) \|/.test(line));
  const rows = ATTRIBUTE_NAMES.map((name) => {
    const { type, from, meaning } = ATTRIBUTES[name];
    return `| \`${name}\` | ${type} | ${from} | ${meaning} |`;
  });
  expect(shown).toEqual(rows);
});
