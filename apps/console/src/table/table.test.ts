import { describe, expect, it } from 'vitest';
import { matches } from './filter.ts';
import { nextOrder, sorted } from './sort.ts';

describe('the filter', () => {
  it('wants every word, wherever it stands', () => {
    expect(matches('tokyo japan', 'tokyo keio Tokyo, Japan in service')).toBe(true);
    expect(matches('tokyo failed', 'tokyo keio in service')).toBe(false);
    expect(matches('  ', 'anything')).toBe(true);
  });

  it('minds neither case nor accents', () => {
    expect(matches('sao ZURICH', 'São Paulo, Zürich')).toBe(true);
  });
});

describe('sorting', () => {
  const by = (values: readonly (string | number | null)[], descending: boolean) =>
    sorted(values, (value) => value, descending);

  it('knows that node10 comes after node2', () => {
    expect(by(['node10', 'node2', 'Node1'], false)).toEqual(['Node1', 'node2', 'node10']);
  });

  it('puts what has no value last, in both directions', () => {
    expect(by([null, 2, 1], false)).toEqual([1, 2, null]);
    expect(by([null, 1, 2], true)).toEqual([2, 1, null]);
  });

  it('turns round when the same heading is chosen again', () => {
    const order = nextOrder({ column: 'site', descending: true }, 'name');
    expect(order).toEqual({ column: 'name', descending: false });
    expect(nextOrder(order, 'name')).toEqual({ column: 'name', descending: true });
  });
});
