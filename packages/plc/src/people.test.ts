import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refusal, signInByPassword } from './testing/browser.ts';
import { codeFor, newestMail } from './testing/mails.ts';
import { startTestPlc, type TestPerson, type TestPlc } from './testing/test-plc.ts';

// Passwords are dear to look at on purpose, and some of these look at many.
vi.setConfig({ testTimeout: 90_000 });

const PASSWORD = 'correct horse battery';
let test: TestPlc;
let pi: TestPerson;
let user: TestPerson;
let count = 0;
const address = () => `p${++count}@example.org`;

beforeAll(async () => {
  test = await startTestPlc();
  for (const name of ['demo', 'other']) await test.admin.createSite({ body: { name, title: name } });
  pi = await test.person('pi@example.org', [{ role: 'pi', site: 'demo' }]);
  user = await test.person('user@example.org', [{ role: 'user', site: 'demo' }]);
});
afterAll(() => test[Symbol.asyncDispose]());

const signIn = (email: string, password: string) => signInByPassword(test, email, password);

describe('who signs up', () => {
  it('proves the mail address, waits for a PI of the site, and can sign in then', async () => {
    const email = address();
    const anybody = test.withToken();
    await anybody.signUp({ body: { email, name: 'New', site: 'demo' } });
    expect(await refusal(test.admin.getPerson({ params: { person: email } }))).toBe('unknown_person');
    const code = await codeFor(test.admin, email, 'sign-up.started');
    expect(await anybody.confirmSignUp({ body: { code, password: PASSWORD } })).toEqual({ email, site: 'demo' });
    expect(await refusal(anybody.confirmSignUp({ body: { code, password: PASSWORD } }))).toBe('mail_link_invalid');
    expect(await signIn(email, PASSWORD)).toBe('sign_in_failed');

    expect((await newestMail(test.admin, pi.email, 'role.requested'))?.text).toContain(email);
    expect((await user.client.listRoleRequests({ query: {} })).items).toEqual([]);
    const { items } = await pi.client.listRoleRequests({ query: {} });
    expect(items).toMatchObject([{ person: email, name: 'New', site: 'demo', role: 'user', mayDecide: true }]);
    const params = { person: email, site: 'demo', role: 'user' as const };
    expect(await refusal(user.client.approveRoleRequest({ params }))).toBe('forbidden');
    expect(await pi.client.approveRoleRequest({ params })).toMatchObject({
      enabled: true,
      roles: [{ role: 'user', site: 'demo' }],
    });
    expect(await newestMail(test.admin, email, 'role.given')).toMatchObject({ subject: 'You are user at demo now' });
    expect(await signIn(email, PASSWORD)).toBe(201);
  });

  it('is told by mail alone whether there is an account already', async () => {
    await test.withToken().signUp({ body: { email: user.email, name: 'Again', site: 'demo' } });
    expect((await newestMail(test.admin, user.email, 'sign-up.started'))?.text).toContain(
      'an account with this address',
    );
    await test.withToken().requestPasswordReset({ body: { email: 'nobody@example.org' } });
    expect((await newestMail(test.admin, 'nobody@example.org', 'password.reset'))?.text).toContain(
      'there is no account',
    );
  });

  it('is forgotten when refused, and may try again', async () => {
    const email = address();
    const signUp = async () => {
      await test.withToken().signUp({ body: { email, name: 'New', site: 'demo', role: 'pi' } });
      const code = await codeFor(test.admin, email, 'sign-up.started');
      await test.withToken().confirmSignUp({ body: { code, password: PASSWORD } });
    };
    await signUp();
    const params = { person: email, site: 'demo', role: 'pi' as const };
    expect(await refusal(pi.client.rejectRoleRequest({ params }))).toBe('forbidden'); // only admins make PIs
    await test.admin.rejectRoleRequest({ params });
    expect(await refusal(test.admin.getPerson({ params: { person: email } }))).toBe('unknown_person');
    await signUp();
  });

  it('does not fill anybody’s mailbox', async () => {
    const email = address();
    for (let i = 0; i < 8; i++) await test.withToken().requestPasswordReset({ body: { email } });
    const { items } = await test.admin.listMails({ query: { limit: 1000 } });
    expect(items.filter(({ to }) => to === email)).toHaveLength(5);
  });

  it('finds the door closed when admins have closed it', async () => {
    await test.admin.changeSettings({ body: { signUpOpen: false } });
    const attempt = test.withToken().signUp({ body: { email: address(), name: 'New', site: 'demo' } });
    expect(await refusal(attempt)).toBe('forbidden');
    expect((await test.withToken().getSignInMethods({})).signUp).toBe(false);
    await test.admin.changeSettings({ body: { signUpOpen: true } });
  });

  it('has two days to open the link', async () => {
    const email = address();
    await test.withToken().signUp({ body: { email, name: 'Late', site: 'demo' } });
    const code = await codeFor(test.admin, email, 'sign-up.started');
    test.advance(2 * 86_400_000 + 1000);
    const late = test.withToken().confirmSignUp({ body: { code, password: PASSWORD } });
    expect(await refusal(late)).toBe('mail_link_invalid');
    test.advance(-(2 * 86_400_000 + 1000));
  });
});

describe('invitations', () => {
  const invite = (email: string, by = pi) =>
    by.client.invitePerson({ body: { email, name: 'Guest', roles: [{ role: 'user', site: 'demo' }] } });

  it('make a person with roles, once', async () => {
    const email = address();
    const { id } = await invite(email);
    expect((await pi.client.listInvitations({ query: {} })).items.map((one) => one.id)).toContain(id);
    expect((await user.client.listInvitations({ query: {} })).items).toEqual([]);
    const body = { code: await codeFor(test.admin, email, 'person.invited'), password: PASSWORD };
    const made = await test.withToken().acceptInvitation({ body });
    expect(made).toMatchObject({ email, enabled: true, roles: [{ role: 'user', site: 'demo' }] });
    expect(await signIn(email, PASSWORD)).toBe(201);
    expect(await refusal(test.withToken().acceptInvitation({ body }))).toBe('mail_link_invalid');
    expect(await refusal(invite(email))).toBe('already_exists');
  });

  it('stop working when withdrawn, made again, or when who made them may not any more', async () => {
    const email = address();
    const first = await invite(email);
    const accept = async (code: string) => test.withToken().acceptInvitation({ body: { code, password: PASSWORD } });
    const firstCode = await codeFor(test.admin, email, 'person.invited');
    const second = await invite(email);
    expect(await refusal(accept(firstCode))).toBe('mail_link_invalid');
    expect(await refusal(pi.client.withdrawInvitation({ params: { invitation: first.id } }))).toBe(
      'unknown_invitation',
    );
    const code = await codeFor(test.admin, email, 'person.invited');
    await pi.client.withdrawInvitation({ params: { invitation: second.id } });
    expect(await refusal(accept(code))).toBe('mail_link_invalid');

    const former = await test.person(address(), [{ role: 'pi', site: 'demo' }]);
    const guest = address();
    await invite(guest, former);
    await test.admin.takeRole({ params: { person: former.email, role: 'pi' }, query: { site: 'demo' } });
    expect(await refusal(accept(await codeFor(test.admin, guest, 'person.invited')))).toBe('mail_link_invalid');
  });
});

describe('people', () => {
  it('get and lose roles, and hear of it', async () => {
    const one = await test.person(address());
    const at = { params: { person: one.email, role: 'tech' as const }, query: { site: 'demo' } };
    expect((await pi.client.giveRole(at)).roles).toEqual([{ role: 'tech', site: 'demo' }]);
    expect((await pi.client.giveRole(at)).roles).toHaveLength(1);
    expect(await newestMail(test.admin, one.email, 'role.given')).toMatchObject({
      subject: 'You are tech at demo now',
    });
    expect((await one.client.takeRole(at)).roles).toEqual([]); // one’s own
    const { items } = await test.admin.listEvents({ query: { subject: one.email } });
    expect(items.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['role.given', 'role.taken']));
    const wrong = { params: { person: one.email, role: 'admin' as const }, query: { site: 'demo' } };
    expect(await refusal(test.admin.giveRole(wrong))).toBe('malformed_request');
  });

  it('ask for a role at another site once', async () => {
    const one = await test.person(address(), [{ role: 'user', site: 'demo' }]);
    await one.client.requestRole({ body: { site: 'other', role: 'user' } });
    expect(await refusal(one.client.requestRole({ body: { site: 'other', role: 'user' } }))).toBe('already_exists');
    expect(await refusal(one.client.requestRole({ body: { site: 'demo', role: 'user' } }))).toBe('already_exists');
    // the site has no PI: admins are asked
    expect((await newestMail(test.admin, 'admin@planetlab.internal', 'role.requested'))?.text).toContain(one.email);
    await one.client.rejectRoleRequest({ params: { person: one.email, site: 'other', role: 'user' } });
    expect((await one.client.getMe({})).roles).toHaveLength(1);
  });

  it('who are disabled are signed out at once, and come back when enabled', async () => {
    const one = await test.person(address(), [{ role: 'user', site: 'demo' }]);
    const enable = (enabled: boolean) => pi.client.changeEnabled({ params: { person: one.email }, body: { enabled } });
    expect((await enable(false)).enabled).toBe(false);
    expect(await refusal(one.client.getMe({}))).toBe('not_signed_in');
    await enable(true);
    expect((await one.client.getMe({})).email).toBe(one.email);
  });

  it('leave when no slice of theirs is left without people, or somebody takes these over', async () => {
    const one = await test.person(address(), [{ role: 'user', site: 'demo' }]);
    const [alone, shared] = [`demo_left${++count}`, `demo_left${++count}`];
    await one.client.createSlice({ body: { name: alone } });
    await one.client.createSlice({ body: { name: shared } });
    await pi.client.addPersonToSlice({ params: { slice: shared, person: user.email } });
    const params = { person: one.email };
    await expect(one.client.removePerson({ params, query: {} })).rejects.toMatchObject({
      code: 'conflict',
      details: { slices: [alone] },
    });
    expect(await refusal(one.client.removePerson({ params, query: { handTo: one.email } }))).toBe('conflict');
    await one.client.removePerson({ params, query: { handTo: user.email } });
    expect(await refusal(one.client.getMe({}))).toBe('not_signed_in');
    expect((await test.admin.getSlice({ params: { slice: alone } })).persons).toEqual([user.email]);
    expect((await test.admin.getSlice({ params: { slice: shared } })).persons).toEqual([user.email]);
    expect((await newestMail(test.admin, user.email, 'slice.handed-over'))?.text).toContain(alone);
    const { items } = await test.admin.listEvents({ query: { subject: one.email, limit: 1 } });
    expect(items).toMatchObject([{ kind: 'person.removed', actor: `person:${one.email}` }]);
  });

  it('never leave the authority without an admin', async () => {
    const email = 'admin@planetlab.internal';
    const at = { params: { person: email } };
    expect(await refusal(test.admin.removePerson({ ...at, query: {} }))).toBe('conflict');
    expect(await refusal(test.admin.changeEnabled({ ...at, body: { enabled: false } }))).toBe('conflict');
    expect(await refusal(test.admin.takeRole({ params: { person: email, role: 'admin' }, query: {} }))).toBe(
      'conflict',
    );
  });
});

it('no code, password or token is in events, and mails come in pages', async () => {
  const events = JSON.stringify((await test.admin.listEvents({ query: { limit: 1000 } })).items);
  const { items } = await test.admin.listMails({ query: { limit: 1000 } });
  const codes = items.flatMap(({ text }) => /#(\S+)/.exec(text ?? '')?.[1] ?? []);
  expect(codes.length).toBeGreaterThan(5);
  for (const secret of [PASSWORD, test.adminToken, '$argon2id', ...codes]) expect(events).not.toContain(secret);
  const first = await test.admin.listMails({ query: { limit: 3 } });
  const second = await test.admin.listMails({ query: { limit: 3, after: first.next ?? '' } });
  expect([...first.items, ...second.items]).toEqual(items.slice(0, 6));
  expect(await refusal(test.admin.listMails({ query: { after: 'nonsense' } }))).toBe('malformed_request');
});
