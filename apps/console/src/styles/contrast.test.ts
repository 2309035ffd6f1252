import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const css = readFileSync(new URL('colours.css', import.meta.url), 'utf8');
const [lightCss = '', darkCss = ''] = css.split('[data-mantine-color-scheme="dark"]');

const coloursOf = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/--pl-([a-z-]+): (#[0-9a-f]{6})/g)].map(([, name = '', value = '']) => [name, value]));

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const TEXT: readonly (readonly [text: string, ground: string])[] = [
  ...['panel', 'page', 'hover', 'selected', 'sea', 'land'].map((ground) => ['text', ground] as const),
  ...['panel', 'page', 'hover', 'selected'].map((ground) => ['quiet', ground] as const),
  ['accent', 'panel'],
  ['bad', 'panel'],
  ['warn-text', 'panel'],
  ['warn-text', 'warn-ground'],
  ['bad-text', 'bad-ground'],
  ['info-text', 'info-ground'],
];
const SHAPES: readonly (readonly [shape: string, ground: string])[] = ['good', 'busy', 'warn', 'bad', 'off'].flatMap(
  (tone) => (tone === 'off' ? ['panel'] : ['panel', 'sea', 'land']).map((ground) => [tone, ground] as const),
);

describe.each([
  ['light', coloursOf(lightCss)],
  ['dark', coloursOf(darkCss)],
] as const)('the %s colours', (_scheme, colours) => {
  const tooFaint = (pairs: typeof TEXT, least: number) =>
    pairs
      .map(([a, b]) => ({ pair: `${a} on ${b}`, ratio: contrast(colours.get(a) ?? '', colours.get(b) ?? '') }))
      .filter(({ ratio }) => !(ratio >= least));

  it('let every text be read (4.5:1)', () => {
    expect(tooFaint(TEXT, 4.5)).toEqual([]);
  });

  it('let every shape be seen (3:1)', () => {
    expect(tooFaint(SHAPES, 3)).toEqual([]);
  });
});
