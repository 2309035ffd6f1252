import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

describe('slots', () => {
  it('are bounded for each name, and free again when given back', () => {
    const take = createSlots(2, 'programs run through the API');
    const first = take('a_a');
    take('a_a');
    expect(() => take('a_a')).toThrow('a_a already has 2 programs run through the API at the same time');
    take('b_b');
    first[Symbol.dispose]();
    take('a_a');
    expect(() => take('a_a')).toThrow('which is the most');
  });
});
