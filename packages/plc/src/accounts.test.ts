import { type ErrorCode, isPlanetLabError } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPlc, type TestPerson, type TestPlc } from './testing/test-plc.ts';

let test: TestPlc;
let pi: TestPerson;
let user: TestPerson;
let stranger: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  await test.admin.createSite({ body: { name: 'other', title: 'Other' } });
  pi = await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
  stranger = await test.person('stranger@example.org', [{ role: 'user', site: 'other' }]);
});
afterAll(() => test[Symbol.asyncDispose]());

async function code(attempt: Promise<unknown>): Promise<ErrorCode> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPlanetLabError(error)) throw new Error(`expected a refusal, got ${error}`);
  expect(error.message).toMatch(/[.]$|: [a-z0-9 /.@<>_-]+$/i);
  return error.code;
}
const raw = (path: string, init: RequestInit = {}) => fetch(test.plc.publicUrl + path, init);
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

describe('signing in', () => {
  it('refuses requests without a token, with a wrong one, with a revoked one and with an expired one', async () => {
    expect(await code(test.withToken().listSites({ query: {} }))).toBe('not_signed_in');
    expect(await code(test.withToken('pl_wrong').listSites({ query: {} }))).toBe('not_signed_in');
    const made = await user.client.createToken({
      body: { label: 'short', expiresAt: new Date(Date.now() + 60_000).toISOString() },
    });
    expect(made.token).toMatch(/^pl_[A-Za-z0-9_-]{43}$/);
    const client = test.withToken(made.token);
    expect((await client.getMe({})).email).toBe(user.email);
    test.advance(61_000);
    expect(await code(client.getMe({}))).toBe('not_signed_in');
    test.advance(-61_000);
    await user.client.deleteToken({ params: { token: made.id } });
    expect(await code(client.getMe({}))).toBe('not_signed_in');
  });

  it('lets nobody but admins make tokens for others, and nobody revoke another’s', async () => {
    expect(await code(user.client.createToken({ body: { label: 'x', person: pi.email } }))).toBe('forbidden');
    const [token] = (await pi.client.listTokens({})).items;
    expect(await code(user.client.deleteToken({ params: { token: token?.id ?? '' } }))).toBe('unknown_key');
  });

  it('opens a session by a link, once, and only within ten minutes', async () => {
    const link = new URL((await user.client.createSignInLink({})).url);
    expect(link.search).toBe(''); // nothing secret in what servers log
    const body = { code: link.hash.slice(1) };
    expect((await test.withToken().createSession({ body })).email).toBe(user.email);
    expect(await code(test.withToken().createSession({ body }))).toBe('sign_in_link_invalid');
    const late = new URL((await user.client.createSignInLink({})).url);
    test.advance(11 * 60_000);
    expect(await code(test.withToken().createSession({ body: { code: late.hash.slice(1) } }))).toBe(
      'sign_in_link_invalid',
    );
    test.advance(-11 * 60_000);
  });

  it('takes the session’s cookie, but no change that a foreign page could have caused', async () => {
    const link = new URL((await user.client.createSignInLink({})).url);
    const reply = await raw('/v1/sessions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code: link.hash.slice(1) }),
    });
    const setCookie = reply.headers.get('set-cookie') ?? '';
    expect(setCookie).toMatch(/^planetlab_session=.*HttpOnly; SameSite=Strict/);
    const cookie = setCookie.split(';')[0] ?? '';
    expect((await raw('/v1/me', { headers: { cookie } })).status).toBe(200);
    expect((await raw('/v1/sessions/current', { method: 'DELETE', headers: { cookie } })).status).toBe(403);
    const headers = { cookie, 'x-planetlab-console': '1' };
    expect((await raw('/v1/sessions/current', { method: 'DELETE', headers })).status).toBe(204);
    expect((await raw('/v1/me', { headers: { cookie } })).status).toBe(401);
  });
});

describe('persons', () => {
  it('are registered by admins, and by PIs as users and techs of their own site', async () => {
    const as = (email: string, role: 'admin' | 'pi' | 'user' | 'tech', site: string | null) => ({
      body: { email, name: 'N', roles: [{ role, site }] },
    });
    expect((await pi.client.createPerson(as('New@Example.org', 'user', 'demo'))).email).toBe('new@example.org');
    expect(await code(pi.client.createPerson(as('a@example.org', 'pi', 'demo')))).toBe('forbidden');
    expect(await code(pi.client.createPerson(as('a@example.org', 'user', 'other')))).toBe('forbidden');
    expect(await code(user.client.createPerson(as('a@example.org', 'user', 'demo')))).toBe('forbidden');
    expect(await code(test.admin.createPerson(as('new@example.org', 'user', 'demo')))).toBe('already_exists');
    expect(await code(test.admin.createPerson(as('b@example.org', 'user', 'nowhere')))).toBe('unknown_site');
    expect(await code(test.admin.createPerson(as('b@example.org', 'admin', 'demo')))).toBe('malformed_request');
    expect(await code(test.admin.createPerson(as('no address', 'user', 'demo')))).toBe('malformed_name');
  });

  it('are seen by people of the same site only', async () => {
    const seen = (await stranger.client.listPersons({ query: {} })).items.map(({ email }) => email);
    expect(seen).toEqual([stranger.email]);
    expect(await code(stranger.client.getPerson({ params: { person: user.email } }))).toBe('forbidden');
    expect(await code(stranger.client.getPerson({ params: { person: 'nobody@example.org' } }))).toBe('forbidden');
    expect(await code(test.admin.getPerson({ params: { person: 'nobody@example.org' } }))).toBe('unknown_person');
    expect((await pi.client.getPerson({ params: { person: user.email } })).email).toBe(user.email);
  });

  it('register keys for themselves, each key once', async () => {
    const blob = Buffer.concat([string('ssh-ed25519'), string(Buffer.alloc(32, 3))]).toString('base64');
    const key = `ssh-ed25519 ${blob} laptop`;
    const added = await user.client.addKey({ params: { person: user.email }, body: { key } });
    expect(added.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    expect(await code(stranger.client.addKey({ params: { person: stranger.email }, body: { key } }))).toBe(
      'already_exists',
    );
    expect(await code(stranger.client.addKey({ params: { person: user.email }, body: { key } }))).toBe('forbidden');
    const damaged = { key: `ssh-ed25519 ${blob.slice(0, -8)}` };
    expect(await code(user.client.addKey({ params: { person: user.email }, body: damaged }))).toBe('malformed_key');
    const params = { person: user.email, fingerprint: added.fingerprint };
    expect(await code(stranger.client.deleteKey({ params }))).toBe('forbidden');
    await user.client.deleteKey({ params });
    expect(await code(user.client.deleteKey({ params }))).toBe('unknown_key');
  });
});
const string = (content: string | Buffer): Buffer => {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

describe('sites and nodes', () => {
  it('are registered by those whose business it is', async () => {
    expect(await code(pi.client.createSite({ body: { name: 'mine', title: 'Mine' } }))).toBe('forbidden');
    expect(await code(test.admin.createSite({ body: { name: 'demo', title: 'Demo' } }))).toBe('already_exists');
    expect(await code(test.admin.createSite({ body: { name: 'No Good', title: 'x' } }))).toBe('malformed_name');
    expect(await code(test.admin.getSite({ params: { site: 'nowhere' } }))).toBe('unknown_site');
    expect(await code(user.client.createNode({ body: { name: 'n1', site: 'demo' } }))).toBe('forbidden');
    expect(await code(pi.client.createNode({ body: { name: 'n1', site: 'other' } }))).toBe('forbidden');
    const node = await pi.client.createNode({ body: { name: 'n1', site: 'demo' } });
    expect(node).toMatchObject({ state: 'registered', runLevel: 'boot', slivers: 0 });
    expect(await code(pi.client.createNode({ body: { name: 'n1', site: 'demo' } }))).toBe('already_exists');
    expect(await code(stranger.client.inviteNode({ params: { node: 'n1' }, body: {} }))).toBe('forbidden');
    expect(await code(test.admin.getNode({ params: { node: 'nowhere' } }))).toBe('unknown_node');
    expect(await code(test.admin.createNode({ body: { name: 'UPPER', site: 'demo' } }))).toBe('malformed_name');
  });

  it('come in pages', async () => {
    for (const name of ['p1', 'p2', 'p3']) await test.admin.createNode({ body: { name, site: 'other' } });
    const first = await user.client.listNodes({ query: { site: 'other', limit: 2 } });
    expect(first.items.map(({ name }) => name)).toEqual(['p1', 'p2']);
    const rest = await user.client.listNodes({ query: { site: 'other', limit: 2, after: first.next ?? '' } });
    expect(rest).toMatchObject({ items: [{ name: 'p3' }], next: null });
  });
});

describe('bad requests', () => {
  it('are answered with a code and a sentence', async () => {
    const big = { method: 'POST', headers: { ...bearer(test.adminToken), 'content-type': 'application/json' } };
    const reply = await raw('/v1/sites', { ...big, body: JSON.stringify({ title: 'x'.repeat(10_000_000) }) });
    expect(reply.status).toBe(413);
    expect(await reply.json()).toMatchObject({ code: 'body_too_large' });
    const broken = await raw('/v1/sites', { ...big, body: '{"name":' });
    expect(await broken.json()).toMatchObject({ code: 'malformed_request' });
    expect(await (await raw('/v1/nothing')).json()).toMatchObject({ code: 'no_such_route' });
  });

  it('that try to sign in too often are slowed down', async () => {
    const attempt = () => code(test.withToken().createSession({ body: { code: 'guess' } }));
    const codes = new Set<string>();
    for (let i = 0; i < 70; i++) codes.add(await attempt());
    expect(codes).toEqual(new Set(['sign_in_link_invalid', 'too_many_requests']));
    // through a proxy on this machine it is the address behind it that counts: others can still sign in
    const headers = { 'content-type': 'application/json', 'x-forwarded-for': '192.0.2.7' };
    const other = await raw('/v1/sessions', { method: 'POST', headers, body: JSON.stringify({ code: 'guess' }) });
    expect(await other.json()).toMatchObject({ code: 'sign_in_link_invalid' });
  });

  it('to run a program want a stream', async () => {
    await test.admin.createSlice({ body: { name: 'demo_exec' } });
    await test.admin.createNode({ body: { name: 'exec', site: 'demo' } });
    await test.admin.addSlivers({ params: { slice: 'demo_exec' }, body: { nodes: ['exec'] } });
    const path = '/v1/slices/demo_exec/slivers/exec/exec';
    const headers = { ...bearer(test.adminToken), 'content-type': 'application/json' };
    const reply = await raw(path, { method: 'POST', headers, body: '{"argv":["ls"]}' });
    expect(await reply.json()).toMatchObject({
      code: 'malformed_request',
      detail: expect.stringContaining('application/vnd.planetlab.exec'),
    });
  });
});

it('writes every change into the event log, without secrets, for those it concerns', async () => {
  const { items } = await test.admin.listEvents({ query: { limit: 1000 } });
  const kinds = new Set(items.map(({ kind }) => kind));
  for (const kind of [
    'site.created',
    'person.created',
    'key.added',
    'key.removed',
    'token.created',
    'session.opened',
  ]) {
    expect(kinds).toContain(kind);
  }
  expect(JSON.stringify(items)).not.toContain(user.token);
  const own = (await stranger.client.listEvents({ query: { limit: 1000 } })).items;
  expect(own.every(({ actor, subject }) => actor === `person:${stranger.email}` || !/demo/.test(subject))).toBe(true);
  expect(own.length).toBeLessThan(items.length);
});

it('serves its description, its health, and figures for admins', async () => {
  expect(await test.withToken().health({})).toEqual({ status: 'ok' });
  expect(await (await raw('/v1/openapi.json')).json()).toMatchObject({ openapi: '3.1.0' });
  expect((await raw('/metrics', { headers: bearer(user.token) })).status).toBe(403);
  const metrics = await (await raw('/metrics', { headers: bearer(test.adminToken) })).text();
  expect(metrics).toContain('planetlab_nodes_connected 0');
  expect((await raw('/healthz')).headers.get('content-security-policy')).toContain("script-src 'self';");
});
