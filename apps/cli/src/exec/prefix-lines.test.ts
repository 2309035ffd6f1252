import { describe, expect, it } from 'vitest';
import { LineCutter } from './prefix-lines.ts';

describe('cutting output into lines', () => {
  it('keeps an unfinished line until it is finished, also within a character', () => {
    const cutter = new LineCutter();
    const bytes = Buffer.from('Zürich\nnext');
    expect(cutter.push(bytes.subarray(0, 2))).toEqual([]);
    expect(cutter.push(bytes.subarray(2))).toEqual(['Zürich']);
    expect(cutter.end()).toEqual(['next']);
    expect(cutter.end()).toEqual([]);
  });

  it('does not wait for the end of a line for ever', () => {
    const cutter = new LineCutter();
    expect(cutter.push(Buffer.alloc(70_000, 'x'))).toEqual(['x'.repeat(70_000)]);
  });
});
