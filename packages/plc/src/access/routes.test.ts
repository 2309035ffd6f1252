import { randomBytes } from 'node:crypto';
import { EXEC_CONTENT_TYPE, fillPath, openApiDocument, plcRoutes, type RouteDefinition } from '@planetlab/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessOfPeople, type AccessCase as Case, type AccessInput as Input } from '../testing/access-people.ts';
import { startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { CHANGERS, EVERYBODY, MANAGERS, READERS, SIGNED_IN } from './cases.ts';
import { missionControlCases } from './mission-control-cases.ts';
import { sliceAndNodeCases } from './slice-and-node-cases.ts';

/** `member`: of another site, but in the slice. `user`, `tech`, `pi`: of the site `demo`, not in the slice. */
const WHO = ['anonymous', 'stranger', 'member', 'user', 'tech', 'pi', 'admin'] as const;
type Who = (typeof WHO)[number];
type RouteName = keyof typeof plcRoutes;

let test: TestPlc;
const tokens = new Map<Who, string>();
const MEMBER = 'member@example.org';
const USER = 'user@example.org';

const nothing = () => ({});

let count = 0;
const fresh = (prefix: string) => `${prefix}${++count}`;
const key = (): string => {
  const field = (bytes: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  const blob = Buffer.concat([field(Buffer.from('ssh-ed25519')), field(randomBytes(32))]);
  return `ssh-ed25519 ${blob.toString('base64')}`;
};
const node = async () => {
  const name = fresh('node');
  await test.admin.createNode({ body: { name, site: 'demo' } });
  return { params: { node: name } };
};
const group = async () => {
  const name = fresh('group');
  await test.admin.createGroup({ body: { name, site: 'demo' } });
  return { params: { group: name } };
};
const DESCRIBED = { description: 'A test', url: 'https://example.org' };
const slice = async () => {
  const name = fresh('demo_s');
  await test.admin.createSlice({ body: { name, ...DESCRIBED, persons: [MEMBER, 'other@example.org'] } });
  return { params: { slice: name } };
};
const sliver = async () => {
  const { params } = await slice();
  await test.admin.addSlivers({ params, body: { nodes: ['here'] } });
  return { params: { ...params, node: 'here' } };
};
const operation = async () => {
  const { params } = await slice();
  const started = await test.admin.addSlivers({ params, body: { nodes: ['here'] } });
  return { params: { operation: started.operation.id } };
};
const later = () => new Date(Date.now() + 3_600_000).toISOString();

/** Every route of the PLC and who may use it. A route without a row does not compile. */
const TABLE: Record<RouteName, Case | readonly Case[]> = {
  ...accessOfPeople(() => test, fresh),
  health: { input: nothing, status: EVERYBODY },
  ready: { input: nothing, status: EVERYBODY },
  discoverNodes: { input: nothing, status: SIGNED_IN },
  getAuthority: { input: nothing, status: EVERYBODY },
  createSession: {
    input: async () => ({ body: { code: new URL((await test.admin.createSignInLink({})).url).hash.slice(1) } }),
    status: '201 201 201 201 201 201 201',
  },
  createSignInLink: { input: nothing, status: '401 201 201 201 201 201 201' },
  endSession: { input: nothing, status: '401 204 204 204 204 204 204' },
  getMe: { input: nothing, status: SIGNED_IN },
  createToken: [
    { when: 'for oneself', input: () => ({ body: { label: 'x' } }), status: '401 201 201 201 201 201 201' },
    {
      when: 'for another person',
      input: () => ({ body: { label: 'x', person: 'other@example.org' } }),
      status: '401 403 403 403 403 403 201',
    },
  ],
  listTokens: { input: nothing, status: SIGNED_IN },
  deleteToken: {
    when: 'of the user',
    input: async () => {
      const { id } = await test.withToken(tokens.get('user')).createToken({ body: { label: 'x' } });
      return { params: { token: id } };
    },
    status: '401 404 404 204 404 404 404',
  },
  createSite: {
    input: () => ({ body: { name: fresh('site'), title: 'A site' } }),
    status: '401 403 403 403 403 403 201',
  },
  listSites: { input: nothing, status: SIGNED_IN },
  getSite: { input: () => ({ params: { site: 'demo' } }), status: SIGNED_IN },
  createPerson: [
    {
      when: 'a user of the site',
      input: () => ({
        body: { email: `${fresh('p')}@example.org`, name: 'P', roles: [{ role: 'user', site: 'demo' }] },
      }),
      status: '401 403 403 403 403 201 201',
    },
    {
      when: 'a PI',
      input: () => ({ body: { email: `${fresh('p')}@example.org`, name: 'P', roles: [{ role: 'pi', site: 'demo' }] } }),
      status: '401 403 403 403 403 403 201',
    },
    {
      when: 'without a role',
      input: () => ({ body: { email: `${fresh('p')}@example.org`, name: 'P' } }),
      status: '401 403 403 403 403 403 201',
    },
  ],
  listPersons: { input: nothing, status: SIGNED_IN },
  getPerson: { when: 'the user', input: () => ({ params: { person: USER } }), status: '401 403 403 200 200 200 200' },
  addKey: {
    when: 'for the user',
    input: () => ({ params: { person: USER }, body: { key: key() } }),
    status: '401 403 403 201 403 403 201',
  },
  listKeys: { when: 'of the user', input: () => ({ params: { person: USER } }), status: '401 403 403 200 200 200 200' },
  deleteKey: {
    when: 'of the user',
    input: async () => {
      const added = await test.admin.addKey({ params: { person: USER }, body: { key: key() } });
      return { params: { person: USER, fingerprint: added.fingerprint } };
    },
    status: '401 403 403 204 403 403 204',
  },
  createNode: { input: () => ({ body: { name: fresh('new'), site: 'demo' } }), status: MANAGERS(201) },
  listNodes: { input: nothing, status: SIGNED_IN },
  getNode: { input: () => ({ params: { node: 'here' } }), status: SIGNED_IN },
  inviteNode: { input: async () => ({ ...(await node()), body: {} }), status: MANAGERS(201) },
  ...sliceAndNodeCases({ admin: () => test.admin, fresh, node, group, slice, sliver }),
  ...missionControlCases({ admin: () => test.admin, fresh, slice }),
  deleteNode: { input: node, status: MANAGERS(204) },
  listEvents: { input: nothing, status: SIGNED_IN },
  watch: { input: nothing, status: SIGNED_IN },
  createSlice: [
    { input: () => ({ body: { name: fresh('demo_n') } }), status: '401 403 403 201 403 201 201' },
    {
      when: 'with other people',
      input: () => ({ body: { name: fresh('demo_n'), persons: ['other@example.org'] } }),
      status: '401 403 403 403 403 201 201',
    },
  ],
  listSlices: { input: nothing, status: SIGNED_IN },
  getSlice: { input: slice, status: '401 403 200 200 200 200 200' },
  renewSlice: { input: async () => ({ ...(await slice()), body: { expiresAt: later() } }), status: CHANGERS(200) },
  addPersonToSlice: {
    input: async () => ({ params: { ...(await slice()).params, person: USER } }),
    status: '401 403 403 403 403 200 200',
  },
  removePersonFromSlice: [
    {
      when: 'another',
      input: async () => ({ params: { ...(await slice()).params, person: 'other@example.org' } }),
      status: '401 403 403 403 403 200 200',
    },
    {
      when: 'the member',
      input: async () => ({ params: { ...(await slice()).params, person: MEMBER } }),
      status: '401 403 200 403 403 200 200',
    },
  ],
  changeResources: {
    input: async () => ({ ...(await slice()), body: { memoryMiB: 300 } }),
    status: CHANGERS(200),
  },
  deleteSlice: { input: slice, status: CHANGERS(204) },
  addSlivers: { input: async () => ({ ...(await slice()), body: { nodes: ['here'] } }), status: CHANGERS(202) },
  removeSliver: { input: sliver, status: CHANGERS(202) },
  removeSlivers: {
    input: async () => ({ params: { slice: (await sliver()).params.slice }, body: {} }),
    status: CHANGERS(202),
  },
  selectNodes: [
    { input: () => ({ body: {} }), status: SIGNED_IN },
    { when: 'for a slice', input: async () => ({ body: { slice: (await slice()).params.slice } }), status: READERS },
  ],
  // there are no nodes in service: who may do it learns that
  selectSlivers: { input: async () => ({ ...(await slice()), body: {} }), status: CHANGERS(409) },
  getSelector: { input: slice, status: '401 403 404 404 404 404 404' },
  deleteSelector: { input: slice, status: CHANGERS(404) },
  listSlivers: { input: nothing, status: SIGNED_IN },
  listOperations: { input: nothing, status: SIGNED_IN },
  getOperation: { input: operation, status: '401 404 200 200 200 200 200' },
  listOperationItems: { input: operation, status: '401 404 200 200 200 200 200' },
  watchOperation: { input: operation, status: '401 404 200 200 200 200 200' },
  cancelOperation: { input: operation, status: '401 404 200 403 403 200 200' },
  // who may run programs learns that the node is not there; a PI of the site is not by that in its slices
  getUsage: { input: sliver, status: '401 403 503 503 503 503 503' },
  exec: { input: sliver, status: '401 403 503 403 403 403 503' },
};

beforeAll(async () => {
  // By name: browsers know no passkeys at an address.
  test = await startTestPlc({ listen: 'localhost:0' });
  for (const name of ['demo', 'other']) await test.admin.createSite({ body: { name, title: name } });
  await test.admin.createNode({ body: { name: 'here', site: 'demo' } });
  const add = async (who: Who, role: 'user' | 'tech' | 'pi', site: string) =>
    tokens.set(who, (await test.person(`${who}@example.org`, [{ role, site }])).token);
  await add('stranger', 'pi', 'other');
  await add('member', 'user', 'other');
  await add('user', 'user', 'demo');
  await add('tech', 'tech', 'demo');
  await add('pi', 'pi', 'demo');
  await test.person('other@example.org', [{ role: 'user', site: 'other' }]);
  tokens.set('admin', test.adminToken);
});
afterAll(() => test[Symbol.asyncDispose]());

async function ask(route: RouteDefinition, input: Input, headers: Record<string, string>): Promise<Response> {
  const type =
    route.reply.kind === 'duplex' ? EXEC_CONTENT_TYPE : route.body === undefined ? undefined : 'application/json';
  return fetch(test.plc.publicUrl + fillPath(route.path, input.params, input.query), {
    method: route.method,
    // each from an address of its own: the limits on signing in are not what is asked for here
    headers: {
      'x-forwarded-for': `192.0.2.${(count++ % 250) + 1}`,
      ...(type === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(route.body === undefined ? {} : { body: JSON.stringify(input.body) }),
  });
}

const spareOf = async (token: string | undefined) =>
  token === undefined ? undefined : (await test.withToken(token).createToken({ body: { label: 'spare' } })).token;

const documented = (name: RouteName): string[] => {
  const { paths } = openApiDocument({ title: 'PLC', version: '0' }, { [name]: plcRoutes[name] });
  return [...JSON.stringify(paths).matchAll(/"(\d{3})":\{"description"/g)].map(([, status]) => status ?? '');
};

const cases = Object.entries(TABLE).flatMap(([name, row]) =>
  [row].flat().map((one) => ({ name: name as RouteName, what: [name, one.when ?? ''].join(' ').trim(), ...one })),
);

it('has a row for every route', () => {
  expect(Object.keys(TABLE).toSorted()).toEqual(Object.keys(plcRoutes).toSorted());
});

describe('who may use a route', () => {
  it.each(cases)('$what', async ({ name, input, status, spareToken }) => {
    const got: string[] = [];
    for (const who of WHO) {
      const token = spareToken === true ? await spareOf(tokens.get(who)) : tokens.get(who);
      const reply = await ask(
        plcRoutes[name],
        await input(),
        token === undefined ? {} : { authorization: `Bearer ${token}` },
      );
      got.push(String(reply.status));
      expect(documented(name)).toContain(String(reply.status));
      if (reply.status >= 400)
        expect(await reply.json()).toMatchObject({
          code: expect.any(String),
          detail: expect.stringMatching(/\w{2,}.* \w/),
        });
      else await reply.body?.cancel();
    }
    expect(`${WHO.join(' ')}: ${got.join(' ')}`).toBe(`${WHO.join(' ')}: ${status}`);
  });
});

describe('a page from elsewhere, with the cookie of who is signed in,', () => {
  const changing = cases.filter(({ name }) => plcRoutes[name].method !== 'GET' && plcRoutes[name].access === 'person');
  it.each(changing)('cannot cause $what', async ({ name, input }) => {
    const body = { code: new URL((await test.admin.createSignInLink({})).url).hash.slice(1) };
    const session = await ask(plcRoutes.createSession, { body }, {});
    const cookie = session.headers.get('set-cookie')?.split(';')[0] ?? '';
    // what a form can send without asking
    const reply = await ask(plcRoutes[name], await input(), { cookie, 'content-type': 'text/plain' });
    expect(reply.status).toBe(403);
    expect(await reply.json()).toMatchObject({ code: 'forbidden' });
  });
});

it('a stranger without a credential learns nothing from a malformed request', async () => {
  const reply = await fetch(`${test.plc.publicUrl}/v1/slices`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name": 7',
  });
  expect(reply.status).toBe(401);
});
