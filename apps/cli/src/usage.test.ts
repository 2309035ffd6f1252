import { describe, expect, it } from 'vitest';
import { usageSentence } from './fail.ts';

describe('the words of the parser', () => {
  it('become sentences', () => {
    expect(usageSentence("error: unknown command 'slcie'\n(Did you mean slice?)")).toBe(
      "Unknown command 'slcie'. Did you mean slice?",
    );
    expect(usageSentence('Say how long.')).toBe('Say how long.');
  });
});
