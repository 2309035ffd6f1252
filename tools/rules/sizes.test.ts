import { describe, expect, it } from 'vitest';
import { checkSizes, MAX_FILE_LINES, MAX_FUNCTION_LINES, type SizeExceptions } from './sizes.ts';
import { parseSource } from './source.ts';

const functionOf = (lines: number) => `function f() {${'\n'.repeat(lines - 1)}}\n`;
const fileOf = (lines: number) => 'x;\n'.repeat(lines);
const check = (text: string, exceptions: SizeExceptions = {}) =>
  checkSizes([parseSource('a.ts', text)], exceptions).map(({ message }) => message);

describe('sizes', () => {
  it('are fine up to the limits', () => {
    expect(check(functionOf(MAX_FUNCTION_LINES))).toEqual([]);
    expect(check(fileOf(MAX_FILE_LINES))).toEqual([]);
  });

  it('are refused above them', () => {
    expect(check(functionOf(MAX_FUNCTION_LINES + 1))).toEqual([expect.stringContaining('function f has 71 lines')]);
    expect(check(fileOf(MAX_FILE_LINES + 1))).toEqual([expect.stringContaining('file has 351 lines')]);
  });

  it('that were accepted once may stay and must not grow', () => {
    expect(check(functionOf(80), { 'a.ts#f': 80 })).toEqual([]);
    expect(check(functionOf(81), { 'a.ts#f': 80 })).toEqual([expect.stringContaining('80 is the most')]);
  });

  it('that have shrunk take their exception with them', () => {
    expect(check(functionOf(75), { 'a.ts#f': 80 })).toEqual([expect.stringContaining('lower the number to 75')]);
    expect(check(functionOf(60), { 'a.ts#f': 80 })).toEqual([expect.stringContaining('remove the line')]);
    expect(check('', { 'gone.ts': 400 })).toEqual([expect.stringContaining('remove the line')]);
  });
});
