import { GroupName, type SliceTag } from '@planetlab/contract';
import { NodeName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { sliverTags } from './precedence.ts';

const tokyo = NodeName.parse('tokyo');
const tag = (value: string, where: { group?: string; node?: string } = {}, key = 'rate'): SliceTag => ({
  key,
  value,
  group: where.group === undefined ? null : GroupName.parse(where.group),
  node: where.node === undefined ? null : NodeName.parse(where.node),
});

it('of a sliver come from itself, else from the groups of its node, else from its slice', () => {
  const tags = [tag('own', { node: 'tokyo' }), tag('group', { group: 'asia' }), tag('slice'), tag('all', {}, 'other')];
  expect(sliverTags(tags, tokyo, ['asia'])).toEqual({ rate: 'own', other: 'all' });
  expect(sliverTags(tags.slice(1), tokyo, ['asia'])).toEqual({ rate: 'group', other: 'all' });
  expect(sliverTags(tags.slice(2), tokyo, ['asia'])).toEqual({ rate: 'slice', other: 'all' });
});

it('beyond the most that are asked for are left out from the least on', () => {
  const tags = [tag('slice', {}, 'a'), tag('slice', {}, 'b'), tag('own', { node: 'tokyo' }, 'z')];
  expect(sliverTags(tags, tokyo, [], 2)).toEqual({ z: 'own', a: 'slice' });
});

it('of groups that its node is not in, and of other slivers, do not count', () => {
  expect(sliverTags([tag('x', { group: 'europe' }), tag('y', { node: 'zurich' })], tokyo, ['asia'])).toEqual({});
});

it('of two groups come from the one whose name is first in the alphabet, in whatever order they are told', () => {
  const tags = [tag('b', { group: 'beta' }), tag('a', { group: 'alpha' })];
  expect(sliverTags(tags, tokyo, ['beta', 'alpha'])).toEqual({ rate: 'a' });
  expect(sliverTags(tags.toReversed(), tokyo, ['alpha', 'beta'])).toEqual({ rate: 'a' });
});
