import { aNode, aSliver } from '@planetlab/contract/testing';
import { describe, expect, it } from 'vitest';
import { describeChanges, snapshotOf } from './describe-changes.ts';

describe('describeChanges', () => {
  const before = snapshotOf([aNode()], [aSliver()]);

  it('says nothing when nothing has changed', () => {
    expect(describeChanges(before, snapshotOf([aNode()], [aSliver()]))).toBeUndefined();
  });

  it('names what has changed and how it is now', () => {
    const after = snapshotOf([aNode({ state: 'disconnected' })], [aSliver({ state: 'unreachable' })]);
    expect(describeChanges(before, after)).toBe('tokyo: not connected. demo_hello@tokyo: unreachable.');
  });

  it('counts where there are many', () => {
    const many = Array.from({ length: 7 }, (_, index) => aSliver({ node: `node${index}`, state: 'starting' }));
    expect(describeChanges(before, snapshotOf([aNode()], [aSliver(), ...many]))).toBe('7 slivers: starting.');
  });

  it('tells what was removed', () => {
    expect(describeChanges(before, snapshotOf([aNode()], []))).toBe('demo_hello@tokyo: removed.');
  });
});
