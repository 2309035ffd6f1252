import { expect, it } from 'vitest';
import { inBatches } from './in-batches.ts';

const batches = (items: readonly number[], mostItems?: number) => [
  ...inBatches(items, { mostSize: 10, sizeOf: (item) => item, ...(mostItems === undefined ? {} : { mostItems }) }),
];

it('takes as many at a time as there is room for, in their order', () => {
  expect(batches([4, 6, 1, 9, 5])).toEqual([[4, 6], [1, 9], [5]]);
  expect(batches([1, 1, 1, 1, 1], 2)).toEqual([[1, 1], [1, 1], [1]]);
});

it('gives alone what is too large, and nothing of nothing', () => {
  expect(batches([3, 40, 4])).toEqual([[3], [40], [4]]);
  expect(batches([])).toEqual([]);
});
