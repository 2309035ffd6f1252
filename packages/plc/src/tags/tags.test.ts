import type { ErrorCode } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let tech: TestPerson;
let user: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  for (const name of ['demo', 'other']) await test.admin.createSite({ body: { name, title: name } });
  tech = await test.person('tech@example.org', [{ role: 'tech', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
  for (const name of ['tokyo', 'zurich']) await test.admin.createNode({ body: { name, site: 'demo' } });
  await test.admin.createNode({ body: { name: 'paris', site: 'other' } });
});
afterAll(() => test[Symbol.asyncDispose]());

const fails = (attempt: Promise<unknown>, code: ErrorCode) => expect(attempt).rejects.toMatchObject({ code });

describe('tags of nodes', () => {
  it('are their own, else inherited from groups; a deleted one shows the inherited one again', async () => {
    const { client } = tech;
    await client.createGroup({ body: { name: 'fast', site: 'demo', description: 'Fast links' } });
    await client.addNodeToGroup({ params: { group: 'fast', node: 'tokyo' } });
    await client.setGroupTag({ params: { group: 'fast', tag: 'link' }, body: { value: '10G' } });
    await client.setGroupTag({ params: { group: 'fast', tag: 'rack' }, body: { value: 'any' } });
    const node = await client.setNodeTag({ params: { node: 'tokyo', tag: 'rack' }, body: { value: '7' } });
    expect(node).toMatchObject({ groups: ['fast'], tags: { link: '10G', rack: '7' } });
    const after = await client.deleteNodeTag({ params: { node: 'tokyo', tag: 'rack' } });
    expect(after.tags).toEqual({ link: '10G', rack: 'any' });
    const { items } = await client.listNodes({ query: {} });
    expect(items.find(({ name }) => name === ('zurich' as typeof name))?.tags).toEqual({});
  });

  it('of two groups come from the one whose name is first in the alphabet', async () => {
    for (const group of ['zeta', 'alpha']) {
      await test.admin.createGroup({ body: { name: group } });
      await test.admin.addNodeToGroup({ params: { group, node: 'zurich' } });
      await test.admin.setGroupTag({ params: { group, tag: 'tier' }, body: { value: group } });
    }
    const node = await test.admin.getNode({ params: { node: 'zurich' } });
    expect(node).toMatchObject({ groups: ['alpha', 'zeta'], tags: { tier: 'alpha' } });
    await test.admin.deleteGroup({ params: { group: 'alpha' } });
    expect((await test.admin.getNode({ params: { node: 'zurich' } })).tags).toEqual({ tier: 'zeta' });
  });

  it('are words in lower case, and not without number', async () => {
    await fails(
      tech.client.setNodeTag({ params: { node: 'tokyo', tag: 'Big' }, body: { value: '' } }),
      'malformed_name',
    );
    for (let i = 0; i < 64; i++)
      await tech.client.setNodeTag({ params: { node: 'zurich', tag: `t${i}` }, body: { value: '' } });
    const one = { params: { node: 'zurich', tag: 'more' }, body: { value: '' } };
    await fails(tech.client.setNodeTag(one), 'quota_exceeded');
  });
});

it('a group of a site holds that site’s nodes only, and its name is taken once', async () => {
  await fails(test.admin.addNodeToGroup({ params: { group: 'fast', node: 'paris' } }), 'conflict');
  await fails(test.admin.createGroup({ body: { name: 'fast' } }), 'already_exists');
  await fails(test.admin.getGroup({ params: { group: 'none' } }), 'unknown_group');
  expect((await tech.client.getGroup({ params: { group: 'fast' } })).nodes).toEqual(['tokyo']);
  await tech.client.removeNodeFromGroup({ params: { group: 'fast', node: 'tokyo' } });
  expect((await tech.client.getNode({ params: { node: 'tokyo' } })).tags).toEqual({});
  await tech.client.addNodeToGroup({ params: { group: 'fast', node: 'tokyo' } });
});

it('tags of a sliver are its own, else of its node’s groups, else of its slice', async () => {
  const { client } = user;
  const slice = 'demo_tags';
  const params = { slice, tag: 'rate' };
  await client.createSlice({ body: { name: slice } });
  await client.addSlivers({ params: { slice }, body: { nodes: ['tokyo', 'zurich'] } });
  await client.setSliceTag({ params, body: { value: 'slice' } });
  await client.setSliceTag({ params, body: { value: 'group', group: 'fast' } });
  const of = (node: string) => client.getSliverTags({ params: { slice, node } });
  expect([await of('tokyo'), await of('zurich')]).toEqual([{ rate: 'group' }, { rate: 'slice' }]);
  await client.setSliceTag({ params, body: { value: 'own', node: 'tokyo' } });
  expect(await of('tokyo')).toEqual({ rate: 'own' });
  expect((await client.listSliceTags({ params: { slice } })).items).toHaveLength(3);
  await client.deleteSliceTag({ params, query: { node: 'tokyo' } });
  expect(await of('tokyo')).toEqual({ rate: 'group' });
  await fails(client.setSliceTag({ params, body: { value: '', group: 'fast', node: 'tokyo' } }), 'malformed_request');
  await fails(client.setSliceTag({ params, body: { value: '', node: 'paris' } }), 'unknown_sliver');
});

it('settings are the defaults until an admin decides otherwise, member by member', async () => {
  const before = await user.client.getSettings({});
  expect(before).toMatchObject({ nodesPerSlice: 100, sliceLifeDays: 14, renewalLimitDays: 56, expiryWarningDays: 5 });
  await fails(user.client.changeSettings({ body: { nodesPerSlice: 5 } }), 'forbidden');
  await test.admin.changeSettings({ body: { nodesPerSlice: 5 } });
  expect(await user.client.getSettings({})).toEqual({ ...before, nodesPerSlice: 5 });
  const [event] = (await test.admin.listEvents({ query: { subject: 'settings', limit: 1 } })).items;
  expect(event).toMatchObject({
    kind: 'settings.changed',
    before: { nodesPerSlice: 100 },
    after: { nodesPerSlice: 5 },
  });
  const escalation = { techAfterDays: 9, piAfterDays: 3 };
  await fails(test.admin.changeSettings({ body: { escalation } }), 'malformed_request');
});
