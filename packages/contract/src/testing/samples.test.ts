import { describe, expect, it } from 'vitest';
import { aNode, aSite, aSlice, aSliver, facts } from './index.ts';

describe('samples', () => {
  it('are whole and valid, and take what a test puts in', () => {
    expect(facts({ slivers: 7 }).slivers).toBe(7);
    expect(aNode({ name: 'zurich' })).toMatchObject({ name: 'zurich', facts: { name: 'zurich' }, site: 'keio' });
    expect(aSite({ title: 'Another' }).title).toBe('Another');
    expect(aSlice({ running: 2 })).toMatchObject({ name: 'demo_hello', running: 2 });
    expect(aSliver({ state: 'failed' })).toMatchObject({ node: 'tokyo', state: 'failed' });
  });

  it.each([facts, aNode, aSite, aSlice, aSliver])('take nothing that the contract does not know: %o', (sample) => {
    expect(() => sample({ colour: 'green' })).toThrow(/colour/);
    expect(() => sample({ name: 7, slice: 7 })).toThrow();
  });
});
