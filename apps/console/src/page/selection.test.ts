import { describe, expect, it } from 'vitest';
import { cleared, formatSelection, NOTHING_SELECTED, parseSelection, toggledNode, withSlice } from './selection.ts';

describe('the selection in the address', () => {
  it('comes back as it went in', () => {
    for (const selection of [
      NOTHING_SELECTED,
      { view: 'slices', slice: null, node: null },
      { view: 'slivers', slice: 'demo_hello', node: 'a.b-c' },
      { view: 'nodes', slice: 'demo_hello', node: null },
    ] as const) {
      expect(parseSelection(formatSelection(selection))).toEqual(selection);
    }
  });

  it('is nothing for an address without or with a senseless fragment', () => {
    expect(parseSelection('')).toEqual(NOTHING_SELECTED);
    expect(parseSelection('#view=rubbish&node=')).toEqual(NOTHING_SELECTED);
    expect(formatSelection(NOTHING_SELECTED)).toBe('');
  });

  it('shows slivers only of a slice', () => {
    expect(parseSelection('#view=slivers').view).toBe('slices');
    expect(parseSelection('#slice=demo_hello').view).toBe('slivers');
  });
});

describe('selecting', () => {
  it('a slice leads to its slivers, a node a second time lets it go', () => {
    const slice = withSlice(NOTHING_SELECTED, 'demo_hello');
    expect(slice).toEqual({ view: 'slivers', slice: 'demo_hello', node: null });
    expect(toggledNode(toggledNode(slice, 'tokyo'), 'tokyo')).toEqual(slice);
  });

  it('is taken back one thing at a time', () => {
    const both = toggledNode(withSlice(NOTHING_SELECTED, 'demo_hello'), 'tokyo');
    expect(cleared(both)).toEqual({ ...both, node: null });
    expect(cleared(cleared(both))).toEqual({ view: 'slices', slice: null, node: null });
    expect(cleared(NOTHING_SELECTED)).toBe(NOTHING_SELECTED);
  });
});
