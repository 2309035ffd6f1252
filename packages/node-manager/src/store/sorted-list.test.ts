import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SortedList } from './sorted-list.ts';

it('has each thing once, in the order of names, whatever comes and goes', () => {
  const change = fc.record({ name: fc.constantFrom('a', 'a_b', 'b', 'c', 'zz'), value: fc.option(fc.nat()) });
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const list = new SortedList<{ name: string; value: number }>(({ name }) => name);
      const expected = new Map<string, number>();
      for (const { name, value } of changes) {
        if (value === null) {
          list.delete(name);
          expected.delete(name);
        } else {
          list.set({ name, value });
          expected.set(name, value);
        }
      }
      const names = [...expected.keys()].sort();
      expect(list.items()).toEqual(names.map((name) => ({ name, value: expected.get(name) })));
    }),
  );
});
