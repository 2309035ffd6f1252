import type { Session } from '@planetlab/contract';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { browser, refusal, signInByPassword } from '../testing/browser.ts';
import { codeFor, newestMail } from '../testing/mails.ts';
import { startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

// Passwords are dear to look at on purpose, and some of these look at many.
vi.setConfig({ testTimeout: 90_000 });

const PASSWORD = 'correct horse battery';
let test: TestPlc;
let user: TestPerson;
let count = 0;
const address = () => `p${++count}@example.org`;
const signIn = (email: string, password: string) => signInByPassword(test, email, password);

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
});
afterAll(() => test[Symbol.asyncDispose]());

describe('passwords', () => {
  it('are guessed ten times in a quarter of an hour, by nobody more, and it is the same for who is not there', async () => {
    const one = await test.person(address());
    await one.client.changePassword({ body: { password: PASSWORD } });
    for (const email of [one.email, 'ghost@example.org']) {
      const codes = [];
      for (let i = 0; i < 11; i++) codes.push(await signIn(email, 'a wrong password'));
      expect(codes).toEqual([...Array(10).fill('sign_in_failed'), 'too_many_requests']);
    }
    expect(await signIn(one.email, PASSWORD)).toBe('too_many_requests');
    expect(await newestMail(test.admin, one.email, 'sign-in.locked')).toBeDefined();
    expect(await newestMail(test.admin, 'ghost@example.org', 'sign-in.locked')).toBeUndefined();
    test.advance(16 * 60_000);
    expect(await signIn(one.email, PASSWORD)).toBe(201);
    test.advance(-16 * 60_000);
  });

  it('are chosen anew by mail: sessions end, and the link works once', async () => {
    const one = await test.person(address());
    await one.client.changePassword({ body: { password: PASSWORD } });
    const page = browser(test);
    await page('POST', '/v1/sessions/password', { email: one.email, password: PASSWORD });
    expect((await page('GET', '/v1/me')).status).toBe(200);
    await test.withToken().requestPasswordReset({ body: { email: one.email } });
    const code = await codeFor(test.admin, one.email, 'password.reset');
    await test.withToken().resetPassword({ body: { code, password: 'another good password' } });
    expect((await page('GET', '/v1/me')).status).toBe(401);
    expect(await signIn(one.email, PASSWORD)).toBe('sign_in_failed');
    expect(await signIn(one.email, 'another good password')).toBe(201);
    const again = test.withToken().resetPassword({ body: { code, password: 'a third password' } });
    expect(await refusal(again)).toBe('mail_link_invalid');
    expect(await newestMail(test.admin, one.email, 'password.changed')).toBeDefined();
  });

  it('are changed by who knows the current one, and the session that did it stays', async () => {
    const one = await test.person(address());
    await one.client.changePassword({ body: { password: PASSWORD } });
    const [here, elsewhere] = [browser(test), browser(test)];
    for (const page of [here, elsewhere])
      await page('POST', '/v1/sessions/password', { email: one.email, password: PASSWORD });
    const change = (current: string) => here('PUT', '/v1/me/password', { current, password: 'another good password' });
    expect((await change('wrong')).body).toMatchObject({ code: 'sign_in_failed' });
    expect((await change(PASSWORD)).status).toBe(204);
    expect((await here('GET', '/v1/me')).status).toBe(200);
    expect((await elsewhere('GET', '/v1/me')).status).toBe(401);
    expect((await here('PUT', '/v1/me/password', { password: 'short' })).status).toBe(400);
  });
});

describe('sessions and tokens', () => {
  it('are listed and ended by their person only', async () => {
    const one = await test.person(address());
    await one.client.changePassword({ body: { password: PASSWORD } });
    const [here, elsewhere] = [browser(test), browser(test)];
    for (const page of [here, elsewhere])
      await page('POST', '/v1/sessions/password', { email: one.email, password: PASSWORD });
    const { body } = await here('GET', '/v1/sessions');
    const sessions: Session[] = body.items;
    expect(sessions).toHaveLength(2);
    expect(sessions.filter(({ current }) => current)).toHaveLength(1);
    const other = sessions.find(({ current }) => !current);
    expect(other).toMatchObject({ method: 'password', browser: 'Test/1.0' });
    const path = `/v1/sessions/${other?.id}`;
    const params = { session: other?.id ?? '' };
    expect(await refusal(user.client.deleteSession({ params }))).toBe('unknown_session');
    expect((await here('DELETE', path)).status).toBe(204);
    expect((await elsewhere('GET', '/v1/me')).status).toBe(401);
  });

  it('of a command line are made by password, and revoked by themselves', async () => {
    const one = await test.person(address());
    await one.client.changePassword({ body: { password: PASSWORD } });
    const made = await test.withToken().createTokenByPassword({
      body: { email: one.email, password: PASSWORD, label: 'pl' },
    });
    const client = test.withToken(made.token);
    expect((await client.getMe({})).email).toBe(one.email);
    await client.deleteCurrentToken({});
    expect(await refusal(client.getMe({}))).toBe('not_signed_in');
  });

  it('with scopes do only what these cover', async () => {
    const one = await test.person(address(), [{ role: 'pi', site: 'demo' }]);
    const withScopes = async (...scopes: ('read' | 'slices' | 'nodes' | 'all')[]) =>
      test.withToken((await one.client.createToken({ body: { label: 'x', scopes } })).token);
    const [read, slices, nodes] = [await withScopes('read'), await withScopes('slices'), await withScopes('nodes')];
    const slice = () => ({ body: { name: `demo_scope${++count}` } });
    const node = () => ({ body: { name: `scope${++count}`, site: 'demo' } });
    for (const client of [read, slices, nodes]) {
      expect((await client.getMe({})).email).toBe(one.email);
      expect(await refusal(client.createToken({ body: { label: 'more' } }))).toBe('scope_insufficient');
      expect(await refusal(client.createSignInLink({}))).toBe('scope_insufficient');
      expect(await refusal(client.changePassword({ body: { password: PASSWORD } }))).toBe('scope_insufficient');
    }
    expect(await refusal(read.createSlice(slice()))).toBe('scope_insufficient');
    expect(await refusal(nodes.createSlice(slice()))).toBe('scope_insufficient');
    expect(await refusal(slices.createNode(node()))).toBe('scope_insufficient');
    expect((await slices.createSlice(slice())).site).toBe('demo');
    expect((await nodes.createNode(node())).site).toBe('demo');
    await read.deleteCurrentToken({});
    const admin = test.withToken(
      (await test.admin.createToken({ body: { label: 'x', scopes: ['read', 'slices', 'nodes'] } })).token,
    );
    expect(await refusal(admin.listMails({ query: {} }))).toBe('scope_insufficient'); // links in them sign in
  });
});
