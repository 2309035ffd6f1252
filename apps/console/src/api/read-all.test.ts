import { describe, expect, it } from 'vitest';
import { readAll } from './read-all.ts';

const pagesOf = (numbers: readonly number[], size: number) => async (after: string | undefined) => {
  const start = after === undefined ? 0 : Number(after);
  const end = start + size;
  return { items: numbers.slice(start, end), next: end < numbers.length ? String(end) : null };
};
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('readAll', () => {
  it('follows the cursor to the end', async () => {
    expect(await readAll(pagesOf(upTo(7), 3))).toEqual({ items: upTo(7), truncated: false });
  });

  it('stops at the limit and says so', async () => {
    expect(await readAll(pagesOf(upTo(20), 3), 5)).toEqual({ items: upTo(5), truncated: true });
  });

  it('does not call a list truncated that ends exactly at the limit', async () => {
    expect(await readAll(pagesOf(upTo(6), 3), 6)).toEqual({ items: upTo(6), truncated: false });
  });

  it('gives up on a cursor that does not move', async () => {
    const stuck = async () => ({ items: [1], next: 'same' });
    expect(await readAll(stuck)).toEqual({ items: [1, 1], truncated: true });
  });
});
