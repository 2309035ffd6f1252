import { aNode, aSliver } from '@planetlab/contract/testing';
import { describe, expect, it } from 'vitest';
import { joiningLines } from './arcs.ts';
import { dotsOf, looksOf } from './dots.ts';
import { placeLabels } from './labels.ts';
import { nextInDirection } from './navigate.ts';
import { viewFor } from './projection.ts';
import { spread } from './spread.ts';

const place = (latitude: number, longitude: number) => ({ city: 'X', country: 'CH', latitude, longitude });

describe('viewFor', () => {
  it('shows the inhabited planet within its size', () => {
    const { projection, size } = viewFor(1000);
    expect(size.height).toBeGreaterThan(400);
    for (const [longitude, latitude] of [
      [-168, 65],
      [174, -36],
      [-70, -55],
      [15, 77],
    ] as const) {
      const [x = -1, y = -1] = projection([longitude, latitude]) ?? [];
      expect([x >= 0, x <= 1000, y >= 0, y <= size.height + 1]).toEqual([true, true, true, true]);
    }
  });

  it('reaches to the pole for a node that stands there', () => {
    const { projection, size } = viewFor(1000, { southernmost: -89, northernmost: 0 });
    const [, y = 0] = projection([0, -89]) ?? [];
    expect(y).toBeLessThan(size.height);
    expect(size.height).toBeGreaterThan(viewFor(1000).size.height);
  });
});

describe('spread', () => {
  it('moves points at one place apart, and keeps them near it', () => {
    const points = spread(Array(12).fill({ x: 100, y: 100 }), 10, 25);
    const distances = points.flatMap((a, i) => points.slice(i + 1).map((b) => Math.hypot(a.x - b.x, a.y - b.y)));
    expect(Math.min(...distances)).toBeGreaterThan(8);
    expect(Math.max(...points.map(({ x, y }) => Math.hypot(x - 100, y - 100)))).toBeLessThanOrEqual(25.01);
  });

  it('leaves points alone that have room', () => {
    const homes = [
      { x: 0, y: 0 },
      { x: 50, y: 0 },
    ];
    expect(spread(homes, 10, 20)).toEqual(homes);
  });

  it('moves a thousand points at one place, too, each to a place of its own', () => {
    const points = spread(Array(1000).fill({ x: 0, y: 0 }), 6, 20);
    expect(new Set(points.map(({ x, y }) => `${x} ${y}`)).size).toBe(1000);
  });
});

describe('placeLabels', () => {
  const size = { width: 400, height: 200 };
  const dot = (name: string, x: number, y: number) => ({ name, x, y, radius: 5 });

  it('puts a label to the right, and to the left where the edge is near', () => {
    expect(placeLabels([dot('zurich', 100, 100), dot('auckland', 380, 50)], [], size)).toMatchObject([
      { name: 'zurich', anchor: 'start' },
      { name: 'auckland', anchor: 'end' },
    ]);
  });

  it('goes round what is in the way', () => {
    const [label] = placeLabels([dot('zurich', 100, 100)], [dot('', 120, 100)], size);
    expect(label?.anchor).toBe('end');
  });

  it('leaves out what finds no room', () => {
    const crowd = Array.from({ length: 30 }, (_, index) => dot(`node${index}`, 200 + (index % 6), 100 + (index % 5)));
    expect(placeLabels(crowd, [], size).length).toBeLessThan(10);
  });
});

describe('nextInDirection', () => {
  const [west, home, east, south] = [
    { name: 'west', x: 0, y: 52 },
    { name: 'home', x: 50, y: 50 },
    { name: 'east', x: 90, y: 45 },
    { name: 'south', x: 55, y: 90 },
  ] as const;
  const all = [west, home, east, south];

  it('leads to the nearest dot that way', () => {
    expect(nextInDirection(all, home, 'ArrowLeft')).toBe(west);
    expect(nextInDirection(all, home, 'ArrowRight')).toBe(east);
    expect(nextInDirection(all, home, 'ArrowDown')).toBe(south);
  });

  it('leads nowhere from the last one', () => {
    expect(nextInDirection(all, east, 'ArrowRight')).toBeUndefined();
  });
});

describe('joiningLines', () => {
  it('joins n places with n − 1 lines, each to its near ones', () => {
    const [paris, berlin, tokyo, osaka] = [place(48, 2), place(52, 13), place(35, 139), place(34, 135)];
    const lines = joiningLines([paris, tokyo, berlin, osaka] as const);
    expect(lines).toHaveLength(3);
    expect(lines).toContainEqual([paris, berlin]);
    expect(lines).toContainEqual([osaka, tokyo]);
  });

  it('draws nothing for one place, however many nodes stand there', () => {
    expect(joiningLines([])).toEqual([]);
    expect(joiningLines([place(1, 1), place(1, 1)])).toEqual([]);
  });
});

describe('the dots', () => {
  const nodes = [
    aNode(),
    aNode({ name: 'zurich', place: place(47, 8), slivers: 40 }),
    aNode({ name: 'x', place: null }),
  ];
  const dots = dotsOf(nodes, viewFor(1000).projection, 1000);

  it('are the nodes that have a place, larger with more slivers', () => {
    expect(dots.map(({ name }) => name)).toEqual(['tokyo', 'zurich']);
    expect(dots[1]?.radius).toBeGreaterThan(dots[0]?.radius ?? 99);
  });

  it('look like the slivers of the selected slice, and dim where it is not', () => {
    const slice = { name: 'demo_hello', slivers: new Map([['tokyo', aSliver({ state: 'refused' })]]) };
    expect(looksOf(dots, slice, null)).toMatchObject([
      { dot: { name: 'zurich' }, tone: 'good', dimmed: true },
      { dot: { name: 'tokyo' }, tone: 'bad', dimmed: false },
    ]);
  });

  it('dim where the filter does not find them', () => {
    const looks = looksOf(dots, null, new Set(['zurich']));
    expect(looks.filter(({ dimmed }) => dimmed).map(({ dot }) => dot.name)).toEqual(['tokyo']);
  });
});
