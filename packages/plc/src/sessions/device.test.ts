import { afterAll, beforeAll, expect, it } from 'vitest';
import { refusal } from '../testing/browser.ts';
import { startTestPlc, type TestPerson, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;
let ada: TestPerson;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  ada = await test.person('ada@example.org', [{ role: 'user', site: 'demo' }]);
});
afterAll(() => test[Symbol.asyncDispose]());

const start = (more = {}) => test.withToken().startDeviceSignIn({ body: { label: 'pl on laptop', ...more } });
const take = (deviceCode: string) => test.withToken().takeDeviceToken({ body: { deviceCode } });
const decide = (code: string, allow: boolean, who = ada) =>
  who.client.decideDeviceSignIn({ params: { code }, body: { allow } });
const waitSeconds = (seconds: number) => test.advance(seconds * 1000);

it('a program that its person lets in gets one token, with the scopes and the end that were shown', async () => {
  const started = await start({ scopes: ['slices'], expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  const { deviceCode, userCode, verificationUri, verificationUriComplete } = started;
  expect(userCode).toMatch(/^[B-Z]{4}-[B-Z]{4}$/);
  expect(verificationUriComplete).toBe(`${verificationUri}#${userCode}`);
  expect(await refusal(take(deviceCode))).toBe('authorization_pending');
  const typed = userCode.toLowerCase().replace('-', ' ');
  const asked = await ada.client.getDeviceSignIn({ params: { code: typed } });
  expect(asked).toMatchObject({ userCode, label: 'pl on laptop', scopes: ['slices'], address: '127.0.0.1' });
  await decide(typed, true);
  const { token, ...made } = await take(deviceCode);
  expect(made).toMatchObject({ label: 'pl on laptop', scopes: ['slices'], expiresAt: asked.tokenExpiresAt });
  expect((await test.withToken(token).getMe({})).email).toBe(ada.email);
  expect(await refusal(take(deviceCode)), 'once').toBe('expired_token');
  expect(await refusal(decide(userCode, true)), 'once').toBe('unknown_request');
  const { items } = await test.admin.listEvents({ query: { person: ada.email, limit: 100 } });
  expect(items.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['device-sign-in.allowed', 'token.created']));
});

it('one that is refused gets nothing', async () => {
  const { deviceCode, userCode } = await start();
  await decide(userCode, false);
  expect(await refusal(take(deviceCode))).toBe('access_denied');
  expect(await refusal(take(deviceCode))).toBe('expired_token');
});

it('one that asks too often is slowed down, and heard again when it waits', async () => {
  const { deviceCode, userCode, intervalSeconds } = await start();
  expect(await refusal(take(deviceCode))).toBe('authorization_pending');
  await expect(take(deviceCode)).rejects.toMatchObject({ code: 'slow_down', details: { retryAfterSeconds: 10 } });
  waitSeconds(intervalSeconds + 1);
  expect(await refusal(take(deviceCode)), 'as soon as before').toBe('slow_down');
  waitSeconds(16);
  expect(await refusal(take(deviceCode))).toBe('authorization_pending');
  await decide(userCode, true);
  expect((await take(deviceCode)).label).toBe('pl on laptop');
});

it('codes end after ten minutes, and what nobody can know is not found', async () => {
  const { deviceCode, userCode } = await start();
  waitSeconds(601);
  expect(await refusal(decide(userCode, true))).toBe('unknown_request');
  expect(await refusal(take(deviceCode))).toBe('expired_token');
  expect(await refusal(take('x'))).toBe('expired_token');
  waitSeconds(-601);
  expect(await refusal(ada.client.getDeviceSignIn({ params: { code: 'BBBB-BBBB' } }))).toBe('unknown_request');
});

it('guesses are limited', async () => {
  const guesses = Array.from({ length: 70 }, () =>
    refusal(ada.client.getDeviceSignIn({ params: { code: 'CCCC-CCCC' } })),
  );
  expect(await Promise.all(guesses)).toContain('too_many_requests');
});

it('a token that only reads lets nobody in', async () => {
  const { token } = await ada.client.createToken({ body: { label: 'reads', scopes: ['read'] } });
  const reader = { ...ada, client: test.withToken(token) };
  expect(await refusal(decide('BBBB-BBBB', true, reader))).toBe('scope_insufficient');
});
