import { describe, expect, it } from 'vitest';
import { Rounds } from './rounds.ts';

describe('rounds', () => {
  it('are one at a time: who asks meanwhile gets the one that is under way', async () => {
    const ends: (() => void)[] = [];
    await using rounds = new Rounds(3_600_000, () => new Promise((resolve) => ends.push(resolve)));
    const first = rounds.now();
    expect(rounds.now()).toBe(first);
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await first;
    const second = rounds.now();
    expect(ends).toHaveLength(2);
    ends[1]?.();
    await second;
  });

  it('come by themselves, and end before they are gone', async () => {
    let begun = 0;
    let ended = 0;
    const came = Promise.withResolvers<void>();
    const rounds = new Rounds(1, async () => {
      begun += 1;
      came.resolve();
      await new Promise((resolve) => setTimeout(resolve, 1));
      ended += 1;
    });
    await came.promise;
    await rounds[Symbol.asyncDispose]();
    expect(ended).toBe(begun);
  });
});
